"""Grids of the tables, loaded once for all tests of a process: composing them is slow."""

from __future__ import annotations

import functools

from benchmark.grids import grid
from benchmark.grids.grid import Grid, PlannedRun


@functools.cache
def load(name: str, *changes: str, small: bool = False) -> Grid:
    """The grid of a table, narrowed or changed."""
    return grid.load(name, changes, small)


def combinations(planned: Grid) -> list[PlannedRun]:
    """One run of every combination of a grid's other axes than the seed."""
    first = min((run.config.seed for run in planned.runs), default=0)
    return [run for run in planned.runs if run.config.seed == first]
