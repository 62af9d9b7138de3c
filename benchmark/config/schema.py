"""The schema of a run's configuration: its parts, with types and defaults, and the names there are to choose from.

These classes are what the code passes around. What stays a dictionary is the hyper-parameters of methods,
probes and the tracker, until the object is built whose class is their schema, and a protocol's ``values`` and
``report``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass
from typing import Any

from omegaconf import MISSING

from benchmark.config.table import Table

OPTIMIZERS = ("adamw", "adamw_no_bias", "bertadam", "adamw_torch", "adamax", "adamax_mtdnn")
SCHEDULES = ("linear", "linear_from_start", "constant")
PRECISIONS = ("float32", "tf32", "bfloat16")
SELECTIONS = ("last", "best", "leak_free")  # see benchmark/report/numbers/selection.py
LEARNT = ("classification", "tagging", "answers")
KINDS = (*LEARNT, "retrieval", "mining")
RULES = ("fixed", "best_on_dev", "best_on_test")
THRESHOLDS = ("dev", "test")
ZERO_SHOT = "zero_shot"  # the setting of a task that trains on `train`
# What each metric gives, the value that a table shows first. The names are those of `benchmark.tasks.metrics`.
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
    """A pretrained encoder: a hub id or a local folder, or a ``builder`` that makes one."""

    name: str = MISSING
    label: str = ""
    id: str | None = None
    revision: str | None = None
    builder: str | None = None
    multilingual: bool = False


@dataclass
class SplitConfig:
    """One split of one configuration of a data set, the task's own unless ``repo`` names another.

    ``text`` and ``target`` are its columns where they differ from the task's. ``label_map`` turns what the
    target says, as text, into the task's labels; rows whose target it does not name are dropped. With
    ``fold`` an answer counts as another one, for data sets that tell fewer classes apart. ``rows`` keeps
    those whose columns fit a pattern such as ``english-*``.

    With ``languages`` it stands for one split each, ``{lang}`` in ``config``, ``sentences`` and ``rows`` being
    the language's code and ``{name}`` what ``names`` calls it. ``kind``, ``metrics`` and ``max_length`` are
    for evaluation sets that are not measured as the task is; those that are ``last_only`` are read and
    scored after the last update alone. To mine pairs, ``sentences`` is the configuration with all of them,
    and ``dev`` the split whose pairs give the threshold.
    """

    config: str = MISSING
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
    """Splits that are trained on together."""

    train: list[SplitConfig] = field(default_factory=list)


@dataclass
class AnswersConfig:
    """How contexts are cut into windows, ``step`` tokens apart, and how long questions and answers may be, in tokens."""

    step: int = 128
    max_question: int = 64
    longest: int = 30


@dataclass
class RetrievalConfig:
    """Which layer gives sentence vectors, and what sets the threshold of mining.

    ``rule`` is ``fixed``, ``best_on_dev`` or ``best_on_test``, the last two per evaluation set; ``layers`` has the
    fixed one (1 is the first block's output) by the number of layers, two thirds of the way where it has none.
    ``compared`` are the layers that are scored beside it; an empty list is all of them where the rule chooses.
    ``special`` says whether special tokens are in a sentence's mean, ``threshold`` whether mining's is the best on
    ``dev`` or on ``test``.
    """

    rule: str = "fixed"
    layers: dict[str, int] = field(default_factory=dict)
    compared: list[int] = field(default_factory=list)
    special: bool = True
    threshold: str = "dev"


@dataclass
class TaskConfig:
    """What is learnt and how it is measured; ``labels`` of a classification are empty for a regression.

    ``score_training`` adds the training examples of a run, as ``train``, to its evaluation sets. ``languages``
    narrows these to some languages. ``setting`` is what is trained on: ``train`` (``zero_shot``), or the splits
    that ``settings`` has under that name. ``drop_untranslated`` leaves out pairs with the text ``NS`` (PAWS-X).
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
    drop_untranslated: bool = False
    answers: AnswersConfig = field(default_factory=AnswersConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)


@dataclass
class DataConfig:
    """How much of the training set is used: all of it, ``count`` examples or a ``share`` of it."""

    name: str = MISSING
    count: int | None = None
    share: float | None = None
    subset_seed: int | None = None  # None: another subset for every seed of a run


@dataclass
class ProtocolConfig:
    """A paper's recipe; training takes a number of ``epochs`` or of ``steps`` (updates).

    ``values`` and ``report`` never reach the trainer: see `benchmark.config.identity`.
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
    """One fine-tuning, and where and on what it happens."""

    model: ModelConfig = field(default_factory=ModelConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    method: dict[str, Any] = field(default_factory=dict)
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    data: DataConfig = field(default_factory=DataConfig)
    probe: dict[str, Any] = field(default_factory=dict)
    tracker: dict[str, Any] = field(default_factory=dict)
    seed: int = 1
    store: str = "results/runs"
    cache: str = ".cache"
    device: str = "auto"
    threads: int = 1
    packed: bool = True
    replay: bool | None = None
    snapshot_minutes: float | None = 10.0
    table: Table | None = None


def as_json(config: Any) -> Any:
    """A configuration or a part of it as JSON has it; dictionaries and lists are copies."""
    if is_dataclass(config):
        return {name: as_json(getattr(config, name)) for name in config.__dataclass_fields__}
    if isinstance(config, dict):
        return {key: as_json(value) for key, value in config.items()}
    if isinstance(config, list):
        return [as_json(value) for value in config]
    return config
