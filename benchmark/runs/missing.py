"""Planned runs without a record: those that a sweep has to make, and those that failed."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.grids.grid import PlannedRun
from benchmark.records.store import Store
from benchmark.runs.hits import Hits


def without_record(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    """The planned runs, each once, without a record of the data at hand."""
    hits: dict[str, Hits] = {}
    left: dict[str, PlannedRun] = {}
    for run in runs:
        folder = run.config.store
        at_hand = hits.setdefault(folder, Hits(Store(folder)))
        if at_hand.find(run.config, run.run_id) is None:
            left.setdefault(run.run_id, run)
    return list(left.values())


def reason(run: PlannedRun) -> str:
    """The latest failure of a run, or why its record is unused, in one line."""
    store = Store(run.config.store)
    if failures := store.failures(run.run_id):
        return failures[-1].error
    if store.find(run.run_id) is not None:
        return (
            "its record is of other files than those here now: data, weights or code were changed meanwhile"
        )
    return "it has neither a record nor a failure; its process was ended"
