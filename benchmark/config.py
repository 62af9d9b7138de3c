"""The configuration of one run: its typed schema, its validation and its identity.

The identity of a run is the hash of whatever in its configuration can change its result. Paths, names
and labels, and the tables a protocol picks its values from cannot, and are left out; so are values that
equal the schema's defaults, so that a new option does not rename the runs of old. Probes change no result,
but a record has those that its run was asked for. The kind of machine is no part of a configuration; the
record's stamp says what it was.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf

from benchmark import resolvers
from benchmark.declaration import Table
from benchmark.errors import BenchmarkError, unknown
from benchmark.languages import ZERO_SHOT, evaluation_splits, resolved, training_splits

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = 2  # raised when the meaning of a configuration changes, so that old records are not mistaken

OPTIMIZERS = ("adamw", "adamw_no_bias", "bertadam", "adamw_torch", "adamax", "adamax_mtdnn")
SCHEDULES = ("linear", "linear_from_start", "constant")
PRECISIONS = ("float32", "tf32", "bfloat16")
SELECTIONS = ("last", "best", "leak_free")  # see benchmark/report/selection.py
LEARNT = ("classification", "tagging", "answers")
KINDS = (*LEARNT, "retrieval", "mining")
RULES = ("fixed", "best_on_dev", "best_on_test")
THRESHOLDS = ("dev", "test")
# What each metric gives, the value that a table shows first. The names are those of `benchmark.metrics`.
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
class Model:
    """A pretrained encoder: a hub id or a local folder, or a ``builder`` that makes one."""

    name: str = MISSING
    label: str = ""
    id: str | None = None
    revision: str | None = None
    builder: str | None = None
    multilingual: bool = False


@dataclass
class Split:
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
class Setting:
    """Splits that are trained on together."""

    train: list[Split] = field(default_factory=list)


@dataclass
class Answers:
    """How contexts are cut into windows, ``step`` tokens apart, and how long questions and answers may be, in tokens."""

    step: int = 128
    max_question: int = 64
    longest: int = 30


@dataclass
class Retrieval:
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
class Task:
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
    train: Split = field(default_factory=Split)
    evaluate: dict[str, Split] = MISSING
    score_training: bool = False
    kind: str = "classification"
    languages: list[str] = field(default_factory=list)
    setting: str = ZERO_SHOT
    settings: dict[str, Setting] = field(default_factory=dict)
    drop_untranslated: bool = False
    answers: Answers = field(default_factory=Answers)
    retrieval: Retrieval = field(default_factory=Retrieval)


@dataclass
class Data:
    """How much of the training set is used: all of it, ``count`` examples or a ``share`` of it."""

    name: str = MISSING
    count: int | None = None
    share: float | None = None
    subset_seed: int | None = None  # None: another subset for every seed of a run


@dataclass
class Protocol:
    """A paper's recipe; training takes a number of ``epochs`` or of ``steps`` (updates).

    ``tables`` and ``report`` never reach the trainer: see the module's docstring.
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
    tables: dict[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    """One fine-tuning, and where and on what it happens."""

    model: Model = field(default_factory=Model)
    task: Task = field(default_factory=Task)
    method: dict[str, Any] = field(default_factory=dict)
    protocol: Protocol = field(default_factory=Protocol)
    data: Data = field(default_factory=Data)
    probe: dict[str, Any] = field(default_factory=dict)
    tracker: dict[str, Any] = field(default_factory=dict)
    seed: int = 1
    store: str = "results/runs"
    cache: str = ".cache"
    device: str = "auto"
    threads: int = 1
    packed: bool = True
    snapshot_minutes: float | None = 10.0
    table: Table | None = None


NOT_IN_IDENTITY = {
    "model": {"name", "label"},
    "task": {"name", "label"},
    "protocol": {"name", "selection", "report", "tables"},
    "data": {"name"},
}


def register() -> None:
    """Make the schema and the resolvers of our configuration known to Hydra."""
    from hydra.core.config_store import ConfigStore

    resolvers.register(ROOT)
    ConfigStore.instance().store(name="schema", node=Run)


def plain(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain resolved containers.

    Raises: BenchmarkError for a mandatory value that is missing.
    """
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise BenchmarkError(f"no value for {', '.join(missing)}: set it, e.g. {missing[0]}=…")
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    resolved.pop("hydra", None)
    OmegaConf.merge(OmegaConf.structured(Run), resolved)  # Hydra's `+KEY=VALUE` gets past the schema
    return {str(key): value for key, value in resolved.items()}


def identity(config: dict[str, Any], schema: int = SCHEMA) -> dict[str, Any]:
    """The part of a plain configuration that can change the result of its run."""
    task = resolved(config["task"])
    train = task["train"]
    stated = config | {
        "task": task
        | {
            "train": [_stated(part, _split_defaults()) for part in train]
            if isinstance(train, list)
            else _stated(train, _split_defaults())
        }
        | {"evaluate": {name: _stated(part, _split_defaults()) for name, part in task["evaluate"].items()}}
    }
    parts: dict[str, Any] = {
        group: _stated({k: v for k, v in stated[group].items() if k not in left_out}, _defaults()[group])
        for group, left_out in NOT_IN_IDENTITY.items()
    }
    return {
        **parts,
        "method": config["method"],
        "seed": config["seed"],
        "threads": config["threads"],
        **({} if config["packed"] else {"packed": False}),
        **({"probe": config["probe"]} if config["probe"] else {}),
        "schema": schema,
    }


def _stated(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """``values`` without those that equal their default."""
    return {key: value for key, value in values.items() if value != defaults.get(key)}


@cache
def _defaults() -> dict[str, Any]:
    """The schema's defaults as plain containers (``???`` where there is none)."""
    container = OmegaConf.to_container(OmegaConf.structured(Run))
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


@cache
def _split_defaults() -> dict[str, Any]:
    split: dict[str, Any] = _defaults()["task"]["train"]
    return split


def run_id(config: dict[str, Any], schema: int = SCHEMA) -> str:
    """16 hex digits that name the run of a plain configuration."""
    text = json.dumps(_canonical(identity(config, schema)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(value: Any) -> Any:
    """One spelling per value: 1.0 and 1 are the same number."""
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def validate(config: dict[str, Any]) -> None:
    """Refuse what the types cannot: values out of range and names that do not exist.

    Raises: BenchmarkError naming the key, its value and what would be valid.
    """
    protocol, data, task = config["protocol"], config["data"], config["task"]
    for key, valid in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
        if protocol[key] not in valid:
            raise unknown(f"protocol.{key}", protocol[key], valid)
    for place, metrics in _metrics(task).items():
        for metric in metrics:
            if metric not in METRICS:
                raise unknown("metric", metric, METRICS, place)
    if task["kind"] not in LEARNT:
        raise unknown("task.kind", task["kind"], LEARNT)
    for name, split in task["evaluate"].items():
        if split["kind"] not in (None, *KINDS):
            raise unknown("kind", split["kind"], KINDS, f"task.evaluate.{name}")
    for key, choices in (("rule", RULES), ("threshold", THRESHOLDS)):
        if task["retrieval"][key] not in choices:
            raise unknown(f"task.retrieval.{key}", task["retrieval"][key], choices)
    for key in ("step", "max_question", "longest"):
        _at_least(f"task.answers.{key}", task["answers"][key], 1)
    training_splits(task)
    evaluation_splits(task)
    if not 1 <= len(task["text"]) <= 2:
        raise BenchmarkError(f"task.text={task['text']}: one text field, or two for a pair")
    if protocol["selection"] not in SELECTIONS:
        raise unknown("protocol.selection", protocol["selection"], SELECTIONS)
    _validate_length(protocol)
    _at_least("protocol.learning_rate", protocol["learning_rate"], 0, strict=True)
    for key in ("batch_size", "max_length", "evaluations_per_epoch", "micro_batch_size"):
        if protocol[key] is not None:
            _at_least(f"protocol.{key}", protocol[key], 1)
    for key in ("weight_decay", "warmup", "max_grad_norm", "epsilon"):
        _at_least(f"protocol.{key}", protocol[key], 0)
    if 1 < protocol["warmup"] != int(protocol["warmup"]):
        raise BenchmarkError(f"protocol.warmup={protocol['warmup']}: a share below 1, or whole steps")
    if len(protocol["betas"]) != 2 or not all(0 <= beta < 1 for beta in protocol["betas"]):
        raise BenchmarkError(f"protocol.betas={protocol['betas']}: two numbers from 0 up to below 1")
    _at_least("threads", config["threads"], 1)
    if config["snapshot_minutes"] is not None:
        _at_least("snapshot_minutes", config["snapshot_minutes"], 0)
    if data["count"] is not None and data["share"] is not None:
        raise BenchmarkError(f"data.count={data['count']} and data.share={data['share']}: give one of them")
    if data["count"] is not None:
        _at_least("data.count", data["count"], 0, strict=True)
    if data["share"] is not None and not 0 < data["share"] <= 1:
        raise BenchmarkError(f"data.share={data['share']}: a share lies above 0 and up to 1")
    for name, split in {"train": task["train"], **task["evaluate"]}.items():
        _validate_labels(task, name, split)
    if task["score_training"] and "train" in task["evaluate"]:
        raise BenchmarkError("task.score_training=true: task.evaluate has a set called 'train' already")
    if task["score_training"] and task["kind"] != "classification":
        raise BenchmarkError(f"task.score_training=true: not for a task of the kind {task['kind']!r}")
    if (task["repo"] is None) == (task["builder"] is None):
        raise BenchmarkError(f"task {task['name']!r}: give either task.repo or task.builder")
    if (config["model"]["id"] is None) == (config["model"]["builder"] is None):
        raise BenchmarkError(f"model {config['model']['name']!r}: give either model.id or model.builder")


def _metrics(task: dict[str, Any]) -> dict[str, list[str]]:
    """The metrics that a task names, by where it names them."""
    own = {f"task.evaluate.{name}.metrics": split["metrics"] for name, split in task["evaluate"].items()}
    return {"task.metrics": task["metrics"], **own}


def _validate_length(protocol: dict[str, Any]) -> None:
    epochs, steps = protocol["epochs"], protocol["steps"]
    if (epochs is None) == (steps is None):
        raise BenchmarkError(
            f"protocol.epochs={epochs} and protocol.steps={steps}: give one of them, and null for the other"
        )
    if epochs is not None:
        _at_least("protocol.epochs", epochs, 0, strict=True)
    if steps is not None:
        _at_least("protocol.steps", steps, 1)


def _validate_labels(task: dict[str, Any], name: str, split: dict[str, Any]) -> None:
    """The labels that a split's maps speak of are the task's."""
    named = {"label_map": [*split["label_map"].values()], "fold": [*split["fold"], *split["fold"].values()]}
    for key, labels in named.items():
        for label in labels:
            if label not in task["labels"]:
                raise unknown("label", label, task["labels"], f"task {task['name']!r}, {key} of {name!r}")


def validate_methods(config: dict[str, Any]) -> None:
    """Build the methods, probes and tracker of a configuration to see whether they can be.

    Imports torch if there are any of the first two. Raises: BenchmarkError for a setting that cannot be.
    """
    if config["method"]:
        from benchmark import methods

        methods.build(config["method"])
    if config["probe"]:
        from benchmark import probes

        probes.build(config["probe"])
    if config["tracker"]:
        from benchmark import tracking

        tracking.build(config["tracker"])


def _at_least(key: str, value: float, bound: float, strict: bool = False) -> None:
    if not math.isfinite(value) or value < bound or (strict and value == bound):
        raise BenchmarkError(f"{key}={value}: must be {'above' if strict else 'at least'} {bound}")
