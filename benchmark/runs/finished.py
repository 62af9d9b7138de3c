"""The finished runs of a grid."""

from __future__ import annotations

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.records.store import Store


def load_records(grid: Grid, store: Store | None = None) -> dict[str, Record]:
    """The finished records of a grid by run id, from ``store`` or the one its runs name.

    Raises: BenchmarkError for a record of another version.
    """
    if not grid.runs:
        return {}
    store = store or Store(grid.runs[0].config.store)
    records = {run_id: store.find(run_id) for run_id in dict.fromkeys(run.run_id for run in grid.runs)}
    return {run_id: record for run_id, record in records.items() if record is not None}
