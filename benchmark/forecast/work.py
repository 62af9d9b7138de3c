"""The work of a planned run: everything in its configuration that decides its cost, as a key."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from benchmark.config.schema import RunConfig


@dataclass(frozen=True)
class Work:
    """The work of planned runs; equal for runs that differ only in values without cost, such as the seed."""

    key: tuple[Any, ...]
    config: RunConfig = field(compare=False, repr=False)


def work_of(config: RunConfig) -> Work:
    """The work of a planned run."""
    model, task, data, protocol = config.model, config.task, config.data, config.protocol
    methods = tuple(
        (name, config.method[name].get("steps"), config.method[name].get("fidelity"))
        for name in sorted(config.method)
    )
    of_task = (
        task.name,
        task.repo,
        task.setting,
        tuple(task.evaluate),
        tuple(task.languages),
        task.score_training,
    )
    amount = (protocol.epochs, protocol.steps, protocol.evaluations_per_epoch, data.count, data.share)
    batch = (protocol.batch_size, protocol.micro_batch_size, protocol.max_length, protocol.precision)
    here = (config.device, config.threads, config.packed, config.cache)
    return Work((model.name, model.id, model.revision, of_task, methods, amount, batch, here), config)


def updates_of(config: RunConfig, examples: int | None) -> int | None:
    """The updates of a run with a training set of ``examples`` examples.

    None if the number is needed but unknown.
    """
    protocol, data = config.protocol, config.data
    if protocol.steps is not None:
        return protocol.steps
    examples = data.count or examples
    if examples is None:
        return None
    if data.share is not None:
        examples = max(1, round(data.share * examples))
    return max(1, round((protocol.epochs or 0) * math.ceil(examples / protocol.batch_size)))


def evaluations_of(config: RunConfig, updates: int, examples: int | None) -> int:
    """The evaluations of a run of so many updates: evenly through each epoch, and after the last update."""
    protocol, data = config.protocol, config.data
    if protocol.evaluations_per_epoch == 0:
        return 1
    trained = data.count or examples
    if trained is None:
        return max(1, round((protocol.epochs or 1) * protocol.evaluations_per_epoch))
    per_epoch = math.ceil(max(1, round((data.share or 1.0) * trained)) / protocol.batch_size)
    return max(1, math.ceil(updates / (per_epoch / min(protocol.evaluations_per_epoch, per_epoch))))
