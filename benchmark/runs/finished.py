"""The finished runs of a grid."""

from __future__ import annotations

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.hits import Hits


def load_records(grid: Grid, hits: Hits | None = None) -> dict[str, Record]:
    """The finished records of a grid by run id, as far as they are of the data and weights at hand.

    ``hits`` compares the records of a store; None: of the one that the runs name. Raises: BenchmarkError for a
    record of another version.
    """
    if not grid.runs:
        return {}
    hits = hits or Hits(Store(grid.runs[0].config.store))
    configs = {run.run_id: run.config for run in grid.runs}
    records = {run_id: hits.find(config, run_id) for run_id, config in configs.items()}
    return {run_id: record for run_id, record in records.items() if record is not None}
