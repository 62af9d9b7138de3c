"""Refusals of tasks, protocols and encoders for which methods have no meaning."""

from __future__ import annotations

from collections.abc import Collection

from benchmark.config.schema import ProtocolConfig, TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context
from benchmark.models.architecture import times_applied


def check_kind(task: TaskConfig, kinds: Collection[str], why: str) -> None:
    """Raises: BenchmarkError for a task whose kind is not in ``kinds``; ``why`` is the reason."""
    if task.kind not in kinds:
        raise BenchmarkError(
            f"task.kind={task.kind} (task {task.name!r}): {why}; valid: {', '.join(sorted(kinds))}"
        )


def check_classes(task: TaskConfig, kinds: Collection[str], why: str) -> None:
    """Raises: BenchmarkError for a regression, or a task whose kind is not in ``kinds``.

    ``why`` is the reason.
    """
    check_kind(task, kinds, why)
    if not task.labels:
        raise BenchmarkError(f"task.labels=[] (task {task.name!r}, a regression): {why}")


def check_whole_batches(protocol: ProtocolConfig, why: str) -> None:
    """Raises: BenchmarkError for batches that are computed in parts; ``why`` is the reason."""
    if protocol.micro_batch_size is not None and protocol.micro_batch_size < protocol.batch_size:
        raise BenchmarkError(
            f"protocol.micro_batch_size={protocol.micro_batch_size} of {protocol.batch_size}: {why}; leave it null"
        )


def check_own_layers(context: Context, setting: str, valid: str = "") -> None:
    """Raises: BenchmarkError for an encoder whose layers share weights, where ``setting`` names some of its layers.

    ``valid`` is a value that names none, if there is one.
    """
    times = times_applied(context.encoder)
    if times > 1:
        raise BenchmarkError(
            f"method.{context.name}.{setting}: the encoder applies one set of weights {times} times, and this needs "
            f"layers of their own; valid: {valid and valid + ', or '}an encoder whose layers have weights of their own"
        )
