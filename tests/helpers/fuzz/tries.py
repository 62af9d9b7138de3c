"""One try: something mangled is asked of the program, and what becomes of it is judged."""

from __future__ import annotations

import math
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmark.config.schema import RunConfig
from benchmark.errors import one_line
from benchmark.printable import printable
from benchmark.progress import Tell
from benchmark.records.record import FINISHED, Record
from benchmark.records.store import Store
from benchmark.runs.run import Run, run

LONGEST_LINE = 1500  # characters
SECONDS = 300  # of a try
MEMORY = 12 << 30  # bytes of address space
ENOUGH = 3  # updates; what would come after them is no other than they were
REFUSED, RAN, STOPPED, DIVERGED = "refused", "finished", "stopped", "diverged"


class Fault(Exception):
    """The program did what it must not do; the message says what."""


class EnoughSeen(Exception):
    """A run has made as many updates as a try needs."""


@dataclass
class Try:
    """A mangled input: ``act`` asks it of the program and returns records, ``said`` describes it.

    ``valid``: True if it must run, False if it must be refused, None if either is right. ``gold``: by
    evaluation set, the targets that its record must have. ``examples``: the numbers of examples by split.
    """

    said: str
    act: Callable[[Tell], list[tuple[Record, RunConfig]]]
    valid: bool | None = None
    gold: dict[str, list[float]] = field(default_factory=dict)
    examples: dict[str, int] = field(default_factory=dict)


def running(config: RunConfig) -> Callable[[Tell], list[tuple[Record, RunConfig]]]:
    """The action of a try that runs one configuration."""
    return lambda tell: [(run(Run(config), tell), config)]


def judged(this: Try) -> tuple[str, str]:
    """Do a try; return what became of it and the words of a refusal. Raises: Fault."""
    updates = 0

    def tell(what: str, done: int, total: int) -> None:
        nonlocal updates
        if what == "updates":
            updates = done
            if done >= ENOUGH:
                raise EnoughSeen

    try:
        with time_limit():
            records = this.act(tell)
    except EnoughSeen:
        _never(this.valid is False, "ran, and must be refused")
        return STOPPED, ""
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # panics of Rust are no Exceptions
        line = told(error)
        _never(bool(updates), f"refused after {updates} updates: {line}")
        _never(this.valid is True, f"refused, and must run: {line}")
        return REFUSED, line
    _never(this.valid is False, "ran, and must be refused")
    for record, config in records:
        check_meaning(record, config)
        check_expected(record, config, this)
    return (RAN if all(record.status == FINISHED for record, _ in records) else DIVERGED), ""


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise a Fault in a block that takes too long."""

    def late(number: int, frame: Any) -> None:
        raise Fault(f"hangs: {''.join(traceback.format_stack(frame)[-3:])}")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def told(error: BaseException) -> str:
    """The line of a refusal. Raises: Fault if a person would get a stack trace, or more than a line."""
    if isinstance(error, Fault):
        raise error
    try:
        line = one_line(error) if isinstance(error, Exception) else None
    except Exception as other:
        raise Fault(f"{type(error).__name__} cannot be told: {other!r}") from other
    if line is None:
        frames = "".join(traceback.format_exception(error)).strip().splitlines()
        raise Fault("traceback: " + "\n    ".join([*frames[-9:]])) from error
    _never(not line.strip() or line.strip() == "None", "refused without a word")
    _never(len(printable(line)) > LONGEST_LINE, f"a line of {len(line)} characters: {line[:300]}…")
    return printable(line)


def check_meaning(record: Record, config: RunConfig) -> None:
    """Check that the numbers of a run mean something. Raises: Fault."""
    _never(record.examples["train"] < 1, "no training example")
    if record.status != FINISHED:
        return
    arrays = Store(config.store).arrays(record.run_id)
    _never(not np.isfinite(arrays["losses"]).all(), "finished with a loss that is not a number")
    for name, scores in record.scores.items():
        _never(not scores, f"{name}: no score")
        for metric, value in scores.items():
            _never(not math.isfinite(value) or abs(value) > 1, f"{name}: {metric} is {value}")
    for name in [key.partition("/")[2] for key in arrays if key.startswith("targets/")]:
        targets = arrays[f"targets/{name}"]
        known = targets[~np.isnan(targets)] if targets.dtype.kind == "f" else targets[targets >= 0]
        known = known[:0] if known.dtype.kind == "f" and (known == -1).all() else known  # hidden as in GLUE
        _never(not record.examples.get(name), f"{name}: no example")
        _never((name in record.scores) != bool(len(known)), f"{name}: {len(known)} targets, {record.scores}")
        labels = config.task.labels
        _never(bool(labels) and bool((known >= len(labels)).any()), f"{name}: a target beyond the labels")
        undefined = {"pearson", "spearman", "matthews_correlation"} & {*record.scores.get(name, {})}
        _never(bool(undefined) and len(set(known.tolist())) == 1, f"{name}: {undefined} of a constant")


def check_expected(record: Record, config: RunConfig, this: Try) -> None:
    """Check that a record is of the examples and targets that the input has. Raises: Fault."""
    for name, count in this.examples.items():
        _never(
            record.examples.get(name) != count, f"{name}: {record.examples.get(name)} examples, not {count}"
        )
    arrays = Store(config.store).arrays(record.run_id) if this.gold else {}
    for name, gold in this.gold.items():
        has = arrays[f"targets/{name}"].tolist()
        _never(
            len(has) != len(gold) or not np.allclose(has, gold, equal_nan=True),
            f"{name}: targets {has}, and they are {gold}",
        )


def _never(condition: bool, fault: str) -> None:
    if condition:
        raise Fault(fault)


def quiet() -> None:
    """Keep libraries from writing between the lines of a series of tries, and tries from all the memory."""
    import logging

    import datasets
    import transformers

    logging.disable(logging.CRITICAL)
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    # A try that asks for a machine's memory ends with an error of its own, and not with the machine.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
