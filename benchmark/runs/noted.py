"""The progress of a run, for its caller and in a note in the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmark.progress import Tell
from benchmark.records.ongoing import Note
from benchmark.runs.request import Run


@contextmanager
def noted(this: Run, tell: Tell) -> Iterator[Tell]:
    """A progress callback for the block: ``tell``, and the run's note beside it."""
    config = this.config
    facts = {
        "model": config.model.name,
        "task": config.task.name,
        "method": sorted(config.method),
        "seed": config.seed,
        "table": this.purpose,
    }
    note = Note(this.store.folder, this.id, facts)
    since: dict[str, tuple[int, float]] = {}  # by the thing counted: the first number done, and its time
    last: dict[str, int] = {}

    def both(unit: str, done: int, total: int) -> None:
        tell(unit, done, total)
        new = unit not in since
        if done <= last.get(unit, done):  # the first call, or a new count from the start
            since[unit] = done, time.time()
        last[unit] = done
        first, began = since[unit]
        note.tell(now=new and not total, unit=unit, done=done, total=total, first=first, since=began)

    try:
        yield both
    finally:
        note.close()
