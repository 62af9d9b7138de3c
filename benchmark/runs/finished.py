"""The finished runs of a grid."""

from __future__ import annotations

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.hits import Hits


def load_records(grid: Grid, store: Store | None = None) -> dict[str, Record]:
    """The finished records of a grid by run id.

    ``store`` is in place of the one that its runs name.

    A record of other data or weights than those at hand is left out. Raises: BenchmarkError for a record of
    another version.
    """
    return records_at_hand(grid, Hits(store or Store(grid.runs[0].config.store))) if grid.runs else {}


def records_at_hand(grid: Grid, hits: Hits) -> dict[str, Record]:
    """The records that ``hits`` has of a grid, by run id."""
    configs = {run.run_id: run.config for run in grid.runs}
    records = {run_id: hits.find(config, run_id) for run_id, config in configs.items()}
    return {run_id: record for run_id, record in records.items() if record is not None}
