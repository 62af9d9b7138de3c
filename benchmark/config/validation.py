"""Checks of a configuration beyond its types, before anything is loaded."""

from __future__ import annotations

import math

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
    DataConfig,
    ProtocolConfig,
    RunConfig,
    SplitConfig,
    TaskConfig,
)
from benchmark.config.splits import evaluation_splits, training_splits
from benchmark.config.targets import check_builder
from benchmark.errors import BenchmarkError, unknown


def validate(config: RunConfig) -> None:
    """Refuse values out of range and names that do not exist; types cannot.

    Raises: BenchmarkError naming the key, its value and the valid ones.
    """
    _validate_task(config.task)
    _validate_protocol(config.protocol)
    _validate_data(config.data)
    _validate_replay(config)
    _at_least("threads", config.threads, 1)
    if config.snapshot_minutes is not None:
        _at_least("snapshot_minutes", config.snapshot_minutes, 0)
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
        ("selection", SELECTIONS),
    ):
        if getattr(protocol, key) not in valid:
            raise unknown(f"protocol.{key}", getattr(protocol, key), valid)
    _validate_length(protocol)
    _at_least("protocol.learning_rate", protocol.learning_rate, 0, strict=True)
    for key in ("batch_size", "max_length", "evaluations_per_epoch", "micro_batch_size"):
        if getattr(protocol, key) is not None:
            _at_least(f"protocol.{key}", getattr(protocol, key), 1)
    for key in ("weight_decay", "warmup", "max_grad_norm", "epsilon"):
        _at_least(f"protocol.{key}", getattr(protocol, key), 0)
    if 1 < protocol.warmup != int(protocol.warmup):
        raise BenchmarkError(f"protocol.warmup={protocol.warmup}: a share below 1, or whole steps")
    if len(protocol.betas) != 2 or not all(0 <= beta < 1 for beta in protocol.betas):
        raise BenchmarkError(f"protocol.betas={protocol.betas}: two numbers from 0 up to below 1")


def _validate_task(task: TaskConfig) -> None:
    for place, metrics in _metrics(task).items():
        for metric in metrics:
            if metric not in METRICS:
                raise unknown("metric", metric, METRICS, place)
    if task.kind not in LEARNT:
        raise unknown("task.kind", task.kind, LEARNT)
    for name, split in task.evaluate.items():
        if split.kind not in (None, *KINDS):
            raise unknown("kind", split.kind, KINDS, f"task.evaluate.{name}")
    for key, choices in (("rule", RULES), ("threshold", THRESHOLDS)):
        if getattr(task.retrieval, key) not in choices:
            raise unknown(f"task.retrieval.{key}", getattr(task.retrieval, key), choices)
    for key in ("step", "max_question", "longest"):
        _at_least(f"task.answers.{key}", getattr(task.answers, key), 1)
    training_splits(task)
    evaluation_splits(task)
    if not 1 <= len(task.text) <= 2:
        raise BenchmarkError(f"task.text={task.text}: one text field, or two for a pair")
    for name, split in {"train": task.train, **task.evaluate}.items():
        _validate_labels(task, name, split)
    if task.score_training and "train" in task.evaluate:
        raise BenchmarkError("task.score_training=true: task.evaluate has a set called 'train' already")
    if task.score_training and task.kind != "classification":
        raise BenchmarkError(f"task.score_training=true: not for a task of the kind {task.kind!r}")
    if (task.repo is None) == (task.builder is None):
        raise BenchmarkError(f"task {task.name!r}: give either task.repo or task.builder")


def _validate_data(data: DataConfig) -> None:
    if data.count is not None and data.share is not None:
        raise BenchmarkError(f"data.count={data.count} and data.share={data.share}: give one of them")
    if data.count is not None:
        _at_least("data.count", data.count, 0, strict=True)
    if data.share is not None and not 0 < data.share <= 1:
        raise BenchmarkError(f"data.share={data.share}: a share lies above 0 and up to 1")


def _validate_replay(config: RunConfig) -> None:
    protocol = config.protocol
    if config.replay and not config.packed:
        raise BenchmarkError(
            "replay=true with packed=false: only batches without padding are filled up to a few sizes"
        )
    if config.replay and protocol.micro_batch_size not in (None, protocol.batch_size):
        parts = f"protocol.micro_batch_size={protocol.micro_batch_size}"
        raise BenchmarkError(f"replay=true with {parts}: only whole batches are recorded; leave it null")
    if config.replay and config.probe:
        raise BenchmarkError(f"replay=true with probe=[{','.join(config.probe)}]: probes look into passes")


def _metrics(task: TaskConfig) -> dict[str, list[str]]:
    """The metrics of a task, by the configuration key that names them."""
    own = {f"task.evaluate.{name}.metrics": split.metrics for name, split in task.evaluate.items()}
    return {"task.metrics": task.metrics, **own}


def _validate_length(protocol: ProtocolConfig) -> None:
    epochs, steps = protocol.epochs, protocol.steps
    if (epochs is None) == (steps is None):
        raise BenchmarkError(
            f"protocol.epochs={epochs} and protocol.steps={steps}: give one of them, and null for the other"
        )
    if epochs is not None:
        _at_least("protocol.epochs", epochs, 0, strict=True)
    if steps is not None:
        _at_least("protocol.steps", steps, 1)


def _validate_labels(task: TaskConfig, name: str, split: SplitConfig) -> None:
    """Refuse a label in a split's maps that the task does not have."""
    named = {"label_map": [*split.label_map.values()], "fold": [*split.fold, *split.fold.values()]}
    for key, labels in named.items():
        for label in labels:
            if label not in task.labels:
                raise unknown("label", label, task.labels, f"task {task.name!r}, {key} of {name!r}")


def _at_least(key: str, value: float, bound: float, strict: bool = False) -> None:
    if not math.isfinite(value) or value < bound or (strict and value == bound):
        raise BenchmarkError(f"{key}={value}: must be {'above' if strict else 'at least'} {bound}")
