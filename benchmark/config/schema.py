"""The schema of a run's configuration: types, defaults and valid names.

The code passes objects of these classes around. The hyper-parameters of methods, probes, tracker and engine
are dictionaries until their objects are built, because those objects' classes are their schemas. A protocol's
``values`` and ``report`` are dictionaries too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass
from typing import Any

from omegaconf import MISSING

from benchmark.config.folders import folder_at
from benchmark.config.seeds import SeedsConfig
from benchmark.config.table import Table
from benchmark.config.task_options import AnswersConfig, RetrievalConfig

ADAMS = ("adamw", "adamw_no_bias", "bertadam", "adamw_torch", "adamax", "adamax_mtdnn")
OPTIMIZERS = (*ADAMS, "lion", "adafactor")
SCHEDULES = ("linear", "linear_from_start", "constant")
PRECISIONS = ("float32", "tf32", "bfloat16")
SELECTIONS = ("last", "best", "leak_free")  # see benchmark/report/numbers/selection.py
LEARNT = ("classification", "tagging", "answers")
KINDS = (*LEARNT, "retrieval", "mining")
RULES = ("fixed", "best_on_dev", "best_on_test")
THRESHOLDS = ("dev", "test")
CONFIG = "default"  # the configuration of a data set that has no other
ZERO_SHOT = "zero_shot"  # the setting in which a task trains on `train`
# The values of each metric of `benchmark.tasks.metrics`; tables show the first one.
METRICS = {
    "accuracy": ("accuracy",),
    "f1": ("f1",),
    "matthews_correlation": ("matthews_correlation",),
    "pearson": ("pearson",),
    "spearman": ("spearman",),
    "ner": ("f1", "precision", "recall"),
    "pos": ("f1", "precision", "recall"),
    "pos_seqeval_1": ("f1_seqeval_1", "precision_seqeval_1", "recall_seqeval_1"),
    "tag_accuracy": ("tag_accuracy",),
    "squad": ("f1", "exact_match"),
    "mlqa": ("f1", "exact_match"),
    "bucc": ("f1", "precision", "recall"),
}


@dataclass
class ModelConfig:
    """A pretrained encoder: ``id`` (a hub id or local folder), or a ``builder`` of one."""

    name: str = MISSING
    label: str = ""
    id: str | None = None
    revision: str | None = None
    builder: str | None = None
    multilingual: bool = False


@dataclass
class SplitConfig:
    """One split of one configuration of a data set.

    The data set is the task's, or ``repo``: a repository of the hub, or a folder or file of the user.
    ``text`` and ``target`` are columns that differ from the task's. ``label_map`` maps the target to the
    task's labels; the target is written as text or as the file's name of its class. Rows with other targets
    are dropped and counted. ``fold`` maps a predicted label to another one, for data sets with fewer classes
    than the task. ``rows`` keeps the rows whose columns match a pattern such as ``english-*``.

    With ``languages`` it stands for one split per language. In ``config``, ``sentences`` and ``rows``,
    ``{lang}`` is the language's code and ``{name}`` its entry in ``names``. ``kind``, ``metrics`` and
    ``max_length`` are for evaluation sets measured in another way than the task. A ``last_only`` set is read
    and scored only after the last update. For mining, ``sentences`` is the configuration with all sentences,
    and ``dev`` is the split whose pairs give the threshold.
    """

    config: str = CONFIG
    split: str = MISSING
    repo: str | None = None
    revision: str | None = None
    text: list[str] = field(default_factory=list)
    target: str | None = None
    label_map: dict[str, str] = field(default_factory=dict)
    fold: dict[str, str] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    kind: str | None = None
    metrics: list[str] = field(default_factory=list)
    max_length: int | None = None
    last_only: bool = False
    sentences: str | None = None
    dev: str | None = None


@dataclass
class TrainingSets:
    """Splits to train on together.

    These are the splits ``train``. If ``task.translations`` is a folder, they are the task's own ``train``
    and the ``published`` splits. ``translated_by`` says in words who made the translations in ``train``.
    """

    train: list[SplitConfig] = field(default_factory=list)
    published: list[SplitConfig] = field(default_factory=list)
    translated_by: str = ""


@dataclass
class TaskConfig:
    """A data set to learn, with its splits, labels and metrics.

    Empty ``labels`` make a classification a regression. Targets are labels by name, numbers that the file has
    names for, or numbers that labels spell; only if no label is a number, they are positions in ``labels``, from
    0. ``score_training`` adds the training examples of a run to its evaluation sets, as ``train``. ``languages``
    limits the evaluation sets to these languages.
    ``setting`` chooses the training splits: ``zero_shot`` is ``train``, another name is an entry of
    ``settings``. ``translations`` is the folder of XTREME's translated training sets. ``drop_untranslated``
    leaves out pairs with the text ``NS`` (PAWS-X). ``remark`` is a fact about the data that a reader must
    know; tables show it.
    """

    name: str = MISSING
    label: str = ""
    repo: str | None = None
    revision: str | None = None
    builder: str | None = None
    text: list[str] = MISSING
    target: str = "label"
    labels: list[str] = field(default_factory=list)
    metrics: list[str] = MISSING
    train: SplitConfig = field(default_factory=SplitConfig)
    evaluate: dict[str, SplitConfig] = MISSING
    score_training: bool = False
    kind: str = "classification"
    languages: list[str] = field(default_factory=list)
    setting: str = ZERO_SHOT
    settings: dict[str, TrainingSets] = field(default_factory=dict)
    translations: str | None = None
    remark: str = ""
    drop_untranslated: bool = False
    answers: AnswersConfig = field(default_factory=AnswersConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)


@dataclass
class DataConfig:
    """The part of the training set to use: all, ``count`` examples or a ``share``."""

    name: str = MISSING
    count: int | None = None
    share: float | None = None
    subset_seed: int | None = None  # None: another subset for every seed of a run


@dataclass
class ProtocolConfig:
    """A paper's recipe, with its length in ``epochs`` or in ``steps`` (updates).

    ``values`` and ``report`` never reach the training and are not part of a run's id. ``selection`` is last,
    best or leak_free, which only a report uses, or the name of an evaluation set. With a set, the weights of
    the best evaluation on it are kept, and these weights score the sets that are ``last_only``.
    """

    name: str = MISSING
    optimizer: str = "adamw"
    learning_rate: float = MISSING
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    schedule: str = "linear"
    warmup: float = 0.1
    epochs: float | None = None
    steps: int | None = None
    batch_size: int = MISSING
    micro_batch_size: int | None = None
    max_length: int = 128
    max_grad_norm: float = 1.0
    evaluations_per_epoch: int = 1
    precision: str = "float32"
    selection: str = "last"
    report: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class RunConfig:
    """One fine-tuning, with the places of its files and its device."""

    model: ModelConfig = field(default_factory=ModelConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    method: dict[str, Any] = field(default_factory=dict)
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    data: DataConfig = field(default_factory=DataConfig)
    probe: dict[str, Any] = field(default_factory=dict)
    tracker: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    seed: int = 1
    seeds: SeedsConfig = field(default_factory=SeedsConfig)
    store: str = "results/runs"
    cache: str = ".cache"
    device: str = "auto"
    threads: int = 1
    packed: bool = True
    replay: bool | None = None
    snapshot_minutes: float | None = 10.0
    table: Table | None = None

    def __post_init__(self) -> None:
        """Put the home folder in place of ``~``.

        Raises: BenchmarkError for a folder without a name, or with one that cannot be printed.
        """
        self.store, self.cache = str(folder_at("store", self.store)), str(folder_at("cache", self.cache))


def as_json(config: Any) -> Any:
    """A configuration, or part of one, as JSON values; dictionaries and lists are copies."""
    if is_dataclass(config):
        return {name: as_json(getattr(config, name)) for name in config.__dataclass_fields__}
    if isinstance(config, dict):
        return {key: as_json(value) for key, value in config.items()}
    if isinstance(config, list):
        return [as_json(value) for value in config]
    return config
