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
from benchmark.forecast import in_words
from benchmark.forecast.devices import HERE, NAMED
from benchmark.forecast.estimate import Forecast, Forecaster
from benchmark.forecast.throughput import costs, measure
from benchmark.grids import grid
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.progress import hearer, shown, silence
from benchmark.records.store import Store
from benchmark.runs.hits import Hits
from benchmark.runs.plugins import check_changed
from benchmark.runs.uncollected import uncollected

DESCRIPTION = f"""\
Say what tables of sweeps/ would run, what of it the store has, and how long the rest takes; nothing is run.

  python -m benchmark.plan noisytune/table2 hype/table1
  python -m benchmark.plan noisytune/table2 model=minilm task=rte --on h100
  python -m benchmark.plan all

Hours are of one run at a time. They come from runs of the same model, task and methods on the same device, if the
store has any, else from operations and bytes at the device's rates: this machine's, measured once in seconds, or
those of --on: {", ".join(NAMED)}.
"""


@dataclass(frozen=True)
class Row:
    """The plan of one table.

    ``unread`` counts runs with a record that cannot be read now; ``forecasts`` are of the runs to do.
    """

    name: str
    runs: int
    done: int
    shared: int
    forecasts: tuple[Forecast, ...] = ()
    unread: int = 0

    @property
    def to_do(self) -> int:
        """Runs that are surely not in the store."""
        return self.runs - self.done - self.unread

    @property
    def unknown(self) -> int:
        """Runs to do that have no forecast."""
        return sum(forecast.seconds is None for forecast in self.forecasts)


def rows(
    grids: Sequence[Grid], done: set[str], forecaster: Forecaster, unread: Collection[str] = ()
) -> list[Row]:
    """The plan of every grid; a run is ``shared`` if another grid has it."""
    tables = Counter(name for planned in grids for name in {run.run_id for run in planned.runs})
    plans, tell = list[Row](), hearer(silence)
    for planned in grids:
        tell("tables forecast", len(plans), len(grids))
        runs = {run.run_id: run for run in planned.runs}
        missing = [run.config for name, run in runs.items() if name not in done and name not in unread]
        in_store = len(runs.keys() & done)
        plans.append(
            Row(
                name=planned.name,
                runs=len(runs),
                done=in_store,
                shared=sum(tables[name] > 1 for name in runs),
                forecasts=tuple(map(forecaster.of, missing)),
                unread=len(runs) - in_store - len(missing),
            )
        )
    return plans


def total(grids: Sequence[Grid], done: set[str], forecaster: Forecaster, unread: Collection[str] = ()) -> Row:
    """The plan of all grids together; a shared run counts once."""
    runs: dict[str, PlannedRun] = {run.run_id: run for planned in grids for run in planned.runs}
    together = Grid("together", grids[0].table, {}, {}, list(runs.values()))
    return rows([together], done, forecaster, unread)[0]


def render(plans: list[Row], last: Row | None) -> str:
    """The plan as a table for the terminal."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (
        "Table",
        "runs",
        "done",
        "to do",
        "shared",
        "hours",
        "from - to",
        "MB",
        "peak GiB",
        "unknown",
    ):
        shown.add_column(name, justify="left" if name == "Table" else "right")
    for row in [*plans, *([last] if last else [])]:
        numbers = (row.runs, row.done, row.to_do, row.shared if row is not last else "")
        shown.add_row(row.name, *map(str, numbers), *in_words.cells(row.forecasts), str(row.unknown or ""))
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
    parser.add_argument("--on", default=HERE, metavar="DEVICE", help=f"hours on one of: {', '.join(NAMED)}")
    options = parse(parser, arguments)

    def work() -> int:
        overrides = [argument for argument in options.tables if "=" in argument]
        names = [argument for argument in options.tables if argument not in overrides]
        tables = grid.tables(overrides) if names == ["all"] else names
        with shown():
            said = plan(tables, overrides, options.smoke, options.on or HERE)
        print(said)
        return 0

    return carried_out(work)


def plan(names: Sequence[str], overrides: Sequence[str], smoke: bool, on: str = HERE) -> str:
    """The plan of tables as text; hours are ``on`` this machine or a named device.

    Raises: BenchmarkError for a table or device that does not exist, or for no table at all.
    """
    forecaster, tell, grids = Forecaster(on=on), hearer(silence), list[Grid]()
    with uncollected():
        for name in names or [""]:  # without any, `load` says what is wanted
            tell("tables composed", len(grids), len(names))
            grids.append(grid.load(name, overrides, smoke))
    first = next((run for planned in grids for run in planned.runs), None)
    store = Store(first.config.store if first else "")
    wanted = {run.run_id: run.config for planned in grids for run in planned.runs}
    hits = Hits(store)
    records = hits.of_runs(wanted)
    for planned in grids:
        check_changed(planned, (run for run in planned.runs if run.run_id not in records))
    if first:
        forecaster.measured = measure(store, costs(store, records))
    plans, last = rows(grids, set(records), forecaster, hits.unknown), None
    if len(grids) > 1:
        last = total(grids, set(records), forecaster, hits.unknown)
    forecasts = (last or plans[0]).forecasts
    return "\n".join(
        [render(plans, last), *in_words.notes(forecasts, forecaster, first.config if first else None)]
    )


if __name__ == "__main__":
    sys.exit(main())
