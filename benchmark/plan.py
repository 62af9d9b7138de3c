"""`python -m benchmark.plan TABLE… | all`: a table's runs, done and to do, and hours."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from benchmark.command import carried_out, parse, parser_of
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.records.store import Store
from benchmark.runs.hits import Hits
from benchmark.runs.throughput import Measured, costs, measure

DESCRIPTION = """\
Say what tables of sweeps/ would run, and what of it the store has; nothing is run.

  python -m benchmark.plan noisytune/table2 hype/table1
  python -m benchmark.plan noisytune/table2 model=minilm task=rte
  python -m benchmark.plan all

Hours are of one worker: seconds per update, measured where runs of the same model, task and methods are in
the store, times the updates to do. Runs that nothing was measured for are counted apart.
"""
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Row:
    """The plan of one table; hours and megabytes are of measured runs to do.

    ``unread`` counts runs with a record that cannot be read now.
    """

    name: str
    runs: int
    done: int
    shared: int
    hours: float
    megabytes: float
    unknown: int
    unread: int = 0

    @property
    def to_do(self) -> int:
        """Runs that the store is known not to have."""
        return self.runs - self.done - self.unread


def rows(
    grids: Sequence[Grid], done: set[str], measured: Measured, unread: Collection[str] = ()
) -> list[Row]:
    """The plan of every grid; a run is ``shared`` if another grid has it."""
    tables = Counter(name for planned in grids for name in {run.run_id for run in planned.runs})
    plans = []
    for planned in grids:
        runs = {run.run_id: run for run in planned.runs}
        missing = [run.config for name, run in runs.items() if name not in done and name not in unread]
        found = len(runs.keys() & done)
        hours = [measured.hours(config) for config in missing]
        sizes = [measured.size(config) or 0.0 for config in missing]
        plans.append(
            Row(
                name=planned.name,
                runs=len(runs),
                done=found,
                shared=sum(tables[name] > 1 for name in runs),
                hours=sum(hour for hour in hours if hour is not None),
                megabytes=sum(sizes),
                unknown=hours.count(None),
                unread=len(runs) - found - len(missing),
            )
        )
    return plans


def total(grids: Sequence[Grid], done: set[str], measured: Measured, unread: Collection[str] = ()) -> Row:
    """The plan of all grids together; a shared run counts once."""
    runs: dict[str, PlannedRun] = {run.run_id: run for planned in grids for run in planned.runs}
    together = Grid("together", grids[0].table, {}, {}, list(runs.values()))
    return rows([together], done, measured, unread)[0]


def render(plans: list[Row], last: Row | None) -> str:
    """The plan as a table for the terminal."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Table", "runs", "done", "to do", "shared", "hours", "MB", "not measured"):
        shown.add_column(name, justify="left" if name == "Table" else "right")
    for row in [*plans, *([last] if last else [])]:
        known = row.unknown < row.to_do or not row.to_do
        numbers = (row.runs, row.done, row.to_do, row.shared if row is not last else "")
        estimates = (f"{row.hours:.1f}", f"{row.megabytes:.0f}") if known else (UNKNOWN, UNKNOWN)
        shown.add_row(row.name, *map(str, numbers), *estimates, str(row.unknown or ""))
    console = Console(width=140, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    lines = (line.rstrip() for line in captured.get().splitlines())
    return "\n".join(line for line in lines if line)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 for a refusal."""
    parser = parser_of("benchmark.plan", DESCRIPTION)
    parser.add_argument(
        "tables", metavar="TABLE", nargs="*", help="tables of sweeps/ or `all`, and overrides"
    )
    parser.add_argument("--smoke", action="store_true", help="of the smoke runs")
    options = parse(parser, arguments)

    def work() -> int:
        overrides = [argument for argument in options.tables if "=" in argument]
        names = [argument for argument in options.tables if argument not in overrides]
        print(plan(grid.tables(overrides) if names == ["all"] else names, overrides, options.smoke))
        return 0

    return carried_out(work)


def plan(names: Sequence[str], overrides: Sequence[str], smoke: bool) -> str:
    """The plan of tables as text.

    Raises: BenchmarkError for a table that does not exist, or for none at all.
    """
    if not names:
        raise BenchmarkError(f"name a table, or all (valid: {', '.join(grid.tables(overrides))})")
    grids = [grid.load(name, overrides, smoke) for name in names]
    first = next((run for planned in grids for run in planned.runs), None)
    store = Store(first.config.store if first else "")
    wanted = {run.run_id: run.config for planned in grids for run in planned.runs}
    hits = Hits(store)
    records = hits.of_runs(wanted)
    done, measured = set(records), measure(store, costs(store, records)) if first else Measured()
    last = total(grids, done, measured, hits.unknown) if len(grids) > 1 else None
    return render(rows(grids, done, measured, hits.unknown), last)


if __name__ == "__main__":
    sys.exit(main())
