"""A check of a grid's data before its first run trains: labels, columns and sizes, once per task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path

from benchmark.config.schema import RunConfig, as_json
from benchmark.errors import BenchmarkError, one_line
from benchmark.runs.parallel import start


def check_data(configs: Iterable[RunConfig]) -> None:
    """Check that the data of every task are as its configuration says.

    A task is checked with the first model that is on this machine; if a run's model is missing, only that run
    fails. Raises: BenchmarkError with a fault of each task.
    """
    seen: set[str] = set()
    faults = []
    for config in configs:
        task = json.dumps([as_json(config.task), as_json(config.data), config.protocol.max_length])
        if task in seen:
            continue
        fault = _fault(config)
        if fault != NO_MODEL:
            seen.add(task)
        if fault not in (None, NO_MODEL):
            faults.append(fault)
    if faults:
        raise BenchmarkError("; ".join(dict.fromkeys(map(str, faults))))


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


def check_data_apart(context: BaseContext, configs: Sequence[RunConfig]) -> None:
    """Run `check_data` in a separate process, which keeps this one small. Raises: BenchmarkError."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(sender, configs))  # type: ignore[attr-defined]
    start(process)
    sender.close()
    try:
        fault = receiver.recv()
    except EOFError:  # the process died: the runs themselves will give the reason
        fault = None
    process.join()
    if fault is not None:
        raise BenchmarkError(fault)


def _tell(sender: Connection, configs: Sequence[RunConfig]) -> None:
    fault = None
    try:
        check_data(configs)
    except BenchmarkError as error:
        fault = str(error)
    with suppress(BrokenPipeError):  # nobody asks any more
        sender.send(fault)
