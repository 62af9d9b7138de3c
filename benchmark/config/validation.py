"""Checks of a configuration beyond its types, before anything is loaded."""

from __future__ import annotations

import re

from benchmark.config.forms import METRIC_FORMS, OF_TWO_CLASSES, TEXTS
from benchmark.config.names import check_names
from benchmark.config.ranges import LEAST_LENGTH, at_least, check_data, check_protocol, check_seeds
from benchmark.config.schema import (
    KINDS,
    LEARNT,
    METRICS,
    OPTIMIZERS,
    PRECISIONS,
    RULES,
    SCHEDULES,
    SELECTIONS,
    THRESHOLDS,
    ZERO_SHOT,
    ProtocolConfig,
    RunConfig,
    SplitConfig,
    TaskConfig,
)
from benchmark.config.scores import check_scores
from benchmark.config.splits import choosing_sets, evaluation_splits, splits_of_setting, training_splits
from benchmark.config.targets import check_builder
from benchmark.errors import BenchmarkError, unknown
from benchmark.printable import looks_like

DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu)(:\d{1,3})?")
ENTITY_TAG = re.compile(r"O|[BIES](-.+)?")  # what seqeval reads without `strict`


def validate(config: RunConfig) -> None:
    """Refuse values out of range and names that do not exist, which types alone accept.

    Raises: BenchmarkError naming the key, its value and the valid ones.
    """
    check_names(config)
    _validate_task(config.task)
    _validate_protocol(config.protocol)
    _validate_selection(config)
    check_data(config.data)
    report = config.protocol.report.get(config.task.name) or []
    check_scores(report, config.task, f"protocol.report.{config.task.name}")
    _validate_replay(config)
    check_seeds(config)
    at_least("threads", config.threads, 1)
    if not DEVICE.fullmatch(config.device):
        raise BenchmarkError(f"device={config.device}: not available here; valid: auto, cpu, cuda, cuda:0, …")
    if config.snapshot_minutes is not None:
        at_least("snapshot_minutes", config.snapshot_minutes, 0)
    if (config.model.id is None) == (config.model.builder is None):
        raise BenchmarkError(f"model {config.model.name!r}: give either model.id or model.builder")
    for key, builder in (("model.builder", config.model.builder), ("task.builder", config.task.builder)):
        if builder is not None:
            check_builder(key, builder)


def _validate_protocol(protocol: ProtocolConfig) -> None:
    for key, valid in (
        ("optimizer", OPTIMIZERS),
        ("schedule", SCHEDULES),
        ("precision", PRECISIONS),
    ):
        if getattr(protocol, key) not in valid:
            raise unknown(f"protocol.{key}", getattr(protocol, key), valid)
    check_protocol(protocol)


def _validate_selection(config: RunConfig) -> None:
    selection, sets = config.protocol.selection, choosing_sets(config.task)
    if selection not in (*SELECTIONS, *sets):
        late = [name for name, split in config.task.evaluate.items() if split.last_only]
        if selection in late:
            raise BenchmarkError(
                f"protocol.selection={selection}: this set is scored after the last update alone"
            )
        raise unknown("protocol.selection", selection, [*SELECTIONS, *sets])


def _validate_task(task: TaskConfig) -> None:
    if task.kind not in LEARNT:
        raise unknown("task.kind", task.kind, LEARNT)
    for name, split in task.evaluate.items():
        if split.kind not in (None, *KINDS):
            raise unknown("kind", split.kind, KINDS, f"task.evaluate.{name}")
    for place, split in _training_splits(task).items():
        if split.kind not in (None, task.kind):
            raise BenchmarkError(
                f"{place}.kind={split.kind}: a run trains on task.kind={task.kind}; leave it null"
            )
    for key, choices in (("rule", RULES), ("threshold", THRESHOLDS)):
        if getattr(task.retrieval, key) not in choices:
            raise unknown(f"task.retrieval.{key}", getattr(task.retrieval, key), choices)
    for key in ("step", "max_question", "longest"):
        at_least(f"task.answers.{key}", getattr(task.answers, key), 1)
    _validate_names(task)
    for place, split in _splits(task).items():
        _validate_texts(task, place, split)
        _validate_labels(task, place, split)
        if split.max_length is not None:
            at_least(f"{place}.max_length", split.max_length, LEAST_LENGTH)
    for name, split in task.evaluate.items():
        _validate_metrics(task, f"task.evaluate.{name}", split)
    if not task.evaluate and not task.score_training:
        raise BenchmarkError("task.evaluate={}: name at least one evaluation set, or nothing is measured")
    if task.score_training and "train" in task.evaluate:
        raise BenchmarkError("task.score_training=true: task.evaluate has a set called 'train' already")
    if task.score_training and task.kind != "classification":
        raise BenchmarkError(f"task.score_training=true: not for a task of the kind {task.kind!r}")
    if (task.repo is None) == (task.builder is None):
        raise BenchmarkError(
            f"task {task.name!r}: give either task.repo or task.builder; for data of your own, "
            "python -m benchmark.tasks new NAME --data FOLDER"
        )


def _validate_replay(config: RunConfig) -> None:
    protocol = config.protocol
    if config.replay and not config.packed:
        raise BenchmarkError(
            "replay=true with packed=false: only batches without padding are filled up to a few sizes"
        )
    if config.replay and protocol.micro_batch_size not in (None, protocol.batch_size):
        parts = f"protocol.micro_batch_size={protocol.micro_batch_size}"
        raise BenchmarkError(f"replay=true with {parts}: only whole batches are captured; leave it null")
    if config.replay and config.probe:
        raise BenchmarkError(f"replay=true with probe=[{','.join(config.probe)}]: probes look into passes")


def _splits(task: TaskConfig) -> dict[str, SplitConfig]:
    """The splits that a run uses, by the configuration key that declares them."""
    return _training_splits(task) | {f"task.evaluate.{name}": split for name, split in task.evaluate.items()}


def _training_splits(task: TaskConfig) -> dict[str, SplitConfig]:
    if task.setting == ZERO_SHOT:
        return {"task.train": task.train}
    key = f"task.settings.{task.setting}.train"
    return {f"{key}[{number}]": split for number, split in enumerate(splits_of_setting(task))}


def _validate_names(task: TaskConfig) -> None:
    """Refuse labels and evaluation sets that are missing, too few, or named twice."""
    for label in task.labels:
        if not label.strip():
            raise BenchmarkError(f"task.labels={task.labels}: {label!r} is not a name for a label")
        if task.labels.count(label) > 1:
            raise BenchmarkError(
                f"task.labels={task.labels}: {label!r} is named twice; name every label once"
            )
        if alike := [other for other in task.labels if looks_like(label, other)]:
            raise BenchmarkError(
                f"task.labels: {label!a} and {alike[0]!a} look the same; name every label once, and map "
                "further spellings to it with label_map"
            )
    if len(task.labels) == 1 or (task.kind == "tagging" and not task.labels):
        raise BenchmarkError(f"task.labels={task.labels}: a {task.kind} has at least two labels")
    training_splits(task)
    evaluation_splits(task)
    of_languages = [f"{name}/{code}" for name, split in task.evaluate.items() for code in split.languages]
    for name in of_languages:
        if name in task.evaluate or of_languages.count(name) > 1:
            raise BenchmarkError(f"task.evaluate: two sets have the name {name!r}")


def _validate_texts(task: TaskConfig, place: str, split: SplitConfig) -> None:
    """Refuse a number of text columns that the kind of a split cannot read."""
    kind, text = split.kind or task.kind, split.text or task.text
    if kind == "mining":  # its columns have fixed names
        return
    wanted = TEXTS.get(kind)
    if not 1 <= len(text) <= 2 or (wanted and len(text) != wanted):
        columns = {1: "one column", 2: "two columns"}.get(wanted or 0, "one column, or two for a pair")
        key = f"{place}.text" if split.text else "task.text"
        raise BenchmarkError(f"{key}={text}: {columns}, in a set of the kind {kind!r}")
    if len({*text}) < len(text):
        key = f"{place}.text" if split.text else "task.text"
        raise BenchmarkError(f"{key}={text}: the column {text[0]!r} is there twice; a pair has two")
    if kind == task.kind == "classification" and len(text) != len(task.text):
        raise BenchmarkError(f"{place}.text={text}: as many columns as task.text={task.text}")


def _validate_metrics(task: TaskConfig, place: str, split: SplitConfig) -> None:
    """Refuse metrics that do not fit the kind, the labels or each other."""
    key, names = (f"{place}.metrics", split.metrics) if split.metrics else ("task.metrics", task.metrics)
    if not names:
        raise BenchmarkError(f"{key}=[]: name at least one metric (valid: {', '.join(METRICS)})")
    form = split.kind or task.kind
    if form == "classification" and not task.labels:
        form = "regression"
    fitting = [name for name, forms in METRIC_FORMS.items() if form in forms]
    owners: dict[str, str] = {}
    for name in names:
        if name not in METRICS:
            raise unknown("metric", name, METRICS, key)
        if name not in fitting:
            raise BenchmarkError(
                f"{key}: {name!r} does not score {form}{_of_labels(task)} (valid: {', '.join(fitting)})"
            )
        if name in OF_TWO_CLASSES and len(task.labels) != 2:
            raise BenchmarkError(
                f"{key}: {name!r} is for 2 classes, and task.labels={task.labels} has {len(task.labels)}"
            )
        if name == "ner" and (other := [label for label in task.labels if not ENTITY_TAG.fullmatch(label)]):
            raise BenchmarkError(
                f"{key}: 'ner' reads O and tags such as B-PER, I-PER, E-PER and S-PER, and task.labels has {other[0]!r}"
            )
        for value in METRICS[name]:
            if value in owners:
                raise BenchmarkError(f"{key}: {owners[value]!r} and {name!r} both give the value {value!r}")
            owners[value] = name


def _of_labels(task: TaskConfig) -> str:
    return f" of {len(task.labels)} classes" if task.labels else " (task.labels is empty)"


def _validate_labels(task: TaskConfig, place: str, split: SplitConfig) -> None:
    """Refuse a label in a split's maps that the task does not have."""
    kind = split.kind or task.kind
    named = {"label_map": [*split.label_map.values()], "fold": [*split.fold, *split.fold.values()]}
    for key, labels in named.items():
        if labels and kind != "classification":
            raise BenchmarkError(f"{place}.{key}: for a classification, not for the kind {kind!r}")
        for label in labels:
            if label not in task.labels:
                raise unknown("label", label, task.labels, f"task {task.name!r}, {place}.{key}")
