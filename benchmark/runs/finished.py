"""The finished runs of a grid."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from benchmark.errors import BenchmarkError
from benchmark.grids.grid import Grid
from benchmark.records.lease import LEASES, Lease
from benchmark.records.record import Record
from benchmark.records.store import UNFINISHED, Store
from benchmark.runs.hits import Hits

if TYPE_CHECKING:
    import numpy as np


def load_records(grid: Grid, store: Store | None = None) -> dict[str, Record]:
    """The finished records of a grid by run id.

    ``store`` replaces the store that its runs name.

    A record of other files than those at hand is left out, and so is one that is damaged or cannot be
    read now. Raises: BenchmarkError for a record of another version.
    """
    return records_at_hand(grid, Hits(store or Store(grid.runs[0].config.store))) if grid.runs else {}


def records_at_hand(grid: Grid, hits: Hits) -> dict[str, Record]:
    """The records that ``hits`` has of a grid, by run id."""
    return hits.of_runs({run.run_id: run.config for run in grid.runs})


def arrays_of(store: Store, records: Mapping[str, Record]) -> Callable[[str], dict[str, np.ndarray]]:
    """The arrays by run id of the ``records`` that ``store`` found last.

    Arrays are read only when they are needed.
    """
    return lambda run_id: store.arrays(run_id, records.get(run_id))


def drop_snapshots(store: Store, records: Collection[str]) -> None:
    """Remove snapshots of finished runs, left by processes that were killed."""
    left_behind = {path.name.partition(".")[0] for path in (store.folder / UNFINISHED).glob("*.pt")}
    for run_id in left_behind.intersection(records):
        with suppress(BenchmarkError):  # the store cannot be written to
            lease = Lease(store.folder, LEASES, run_id)
            if lease.take():
                store.drop_snapshot(run_id)
                lease.release()
