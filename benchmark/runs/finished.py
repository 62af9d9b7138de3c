"""The finished runs of a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.hits import Hits


def load_records(grid: Grid, store: Store | None = None) -> dict[str, Record]:
    """The finished records of a grid by run id.

    ``store`` is in place of the one that its runs name.

    A record of other data or weights than those at hand is left out, and so is one that is damaged or cannot be
    read now. Raises: BenchmarkError for a record of
    another version.
    """
    return records_at_hand(grid, Hits(store or Store(grid.runs[0].config.store))) if grid.runs else {}


def records_at_hand(grid: Grid, hits: Hits) -> dict[str, Record]:
    """The records that ``hits`` has of a grid, by run id."""
    return hits.of_runs({run.run_id: run.config for run in grid.runs})


def arrays_of(store: Store, records: Mapping[str, Record]) -> Callable[[str], dict[str, np.ndarray]]:
    """The arrays by run id of the ``records`` that ``store`` found last.

    They are read when they are asked for.
    """
    return lambda run_id: store.arrays(run_id, records.get(run_id))
