"""The last words of a grid that has not all of its runs."""

from __future__ import annotations

from pathlib import Path

from benchmark.grids import grid
from benchmark.records.store import Store
from benchmark.reproduce import said_of
from benchmark.runs.failures import failure
from benchmark.runs.run import Run


def test_failed_runs_say_why_and_runs_that_nobody_began_are_counted(tmp_path: Path) -> None:
    planned = grid.load("demo/noisytune", [f"store={tmp_path}", "task=opinion", "seed=1,2"])
    store = Store(tmp_path)
    store.open()
    first = planned.runs[0]
    store.add_failure(failure(Run(first.config, first.command), "the weights ended", "crashed"))
    failed, again, never = said_of(planned.runs, planned, store)
    assert failed == "failed: the weights ended"
    assert again == f"   try again: {first.command}"
    assert never == "3 runs were not made: the same command goes on with them"
