"""A check of a grid's data before its first run trains: labels, columns and sizes, once per task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from multiprocessing.context import BaseContext
from pathlib import Path

from benchmark.config.schema import RunConfig, as_json
from benchmark.errors import BenchmarkError, one_line
from benchmark.progress import Tell, hearer
from benchmark.runs.apart import done_apart


def check_data(configs: Iterable[RunConfig]) -> None:
    """Check that the data of every task are as its configuration says.

    A task is checked with the first model that is on this machine; if a run's model is missing, only that run
    fails. Raises: BenchmarkError with a fault of each task.
    """
    tasks: dict[str, list[RunConfig]] = {}
    for config in configs:
        task = json.dumps([as_json(config.task), as_json(config.data), config.protocol.max_length])
        tasks.setdefault(task, []).append(config)
    tell, faults = hearer(), list[str]()
    for number, alike in enumerate(tasks.values()):
        tell("tasks looked at", number, len(tasks))
        fault = next((fault for fault in map(_fault, alike) if fault != NO_MODEL), None)
        faults += [fault] if fault is not None else []
    if faults:
        raise BenchmarkError("; ".join(dict.fromkeys(faults)))


NO_MODEL = "the model is not here"


def _fault(config: RunConfig) -> str | None:
    from benchmark import tasks
    from benchmark.models import pretrained
    from benchmark.runs.device import keep_quiet

    keep_quiet()
    try:
        tokenizer = pretrained.tokenizer(config.model, Path(config.cache), len(config.task.text) > 1)
    except (BenchmarkError, OSError):
        return NO_MODEL
    try:
        tasks.look(config, tokenizer)
    except (BenchmarkError, OSError) as error:
        return one_line(error) or str(error)
    return None


def check_data_apart(context: BaseContext, configs: Sequence[RunConfig], tell: Tell) -> None:
    """Run `check_data` in a separate process, whose progress ``tell`` hears. Raises: BenchmarkError."""
    fault = done_apart(
        context, tell, _found, configs
    ).result  # None if it died: the runs will give the reason
    if fault is not None:
        raise BenchmarkError(fault)


def _found(configs: Sequence[RunConfig]) -> str | None:
    try:
        check_data(configs)
    except BenchmarkError as error:
        return str(error)
    return None
