"""`python -m benchmark.worker TABLE …`: make a grid's missing runs on this machine, beside others elsewhere."""

from __future__ import annotations

import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from benchmark.command import by_folder, carried_out, parse, parser_of
from benchmark.config.ranges import at_least
from benchmark.engines.base import Assignment
from benchmark.engines.machine import Local
from benchmark.engines.process import end_with
from benchmark.engines.stamp import check_stamp
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.records.disk import make_writable
from benchmark.records.store import Store
from benchmark.runs.finished import load_records
from benchmark.runs.missing import without_record
from benchmark.runs.plugins import check_plugins, check_trackers

DESCRIPTION = """\
Make the runs of a table of sweeps/ that a store lacks; any number of workers may share the store.

  python -m benchmark.worker demo/noisytune --store /shared/runs
  python -m benchmark.worker noisytune/table2 model=minilm --store /shared/runs --workers 2

A run is made by one worker. The others make other runs, and wait for the last ones, so that a worker that
is gone is replaced. `benchmark.reproduce` reports the table.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    It is 0 if the store has all runs, 1 if runs failed, 2 for a refusal.
    """
    parser = parser_of("benchmark.worker", DESCRIPTION, f"tables:\n{by_folder(grid.tables())}")
    parser.add_argument("table", metavar="TABLE", help="one of those below")
    parser.add_argument("overrides", metavar="OVERRIDES", nargs="*", help="as for `benchmark.reproduce`")
    parser.add_argument("--smoke", action="store_true", help="the table's smoke runs")
    parser.add_argument("--store", type=Path, help="the folder of records (default: as configured)")
    parser.add_argument("--workers", type=int, help="runs at a time (default: cores / threads)")
    parser.add_argument("--minutes", type=float, help="stop a run that takes longer, and go on")
    parser.add_argument("--stamp", help="the id of the grid's stamp in the store: refuse to differ from it")
    parser.add_argument("--ends-with-stdin", action="store_true", help="for engines: stop when stdin closes")
    options = parse(parser, arguments)
    if options.ends_with_stdin:
        end_with_stdin()
    of_store = [] if options.store is None else [f"store={str(options.store)!r}"]

    def work() -> int:
        if options.minutes is not None:
            at_least("--minutes", options.minutes, 0, strict=True)
        planned = grid.load(options.table, [*options.overrides, *of_store], options.smoke)
        return make(planned, options.workers, options.minutes, options.stamp)

    return carried_out(work, goes_on=True)


def end_with_stdin() -> None:
    """Stop this process when its standard input closes, because its place is gone; runs save snapshots.

    Schedulers send their warnings to every process of a place. The place handles them and closes the pipe, so
    that the signals do not kill this process and its children.
    """
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    life = Connection(os.dup(sys.stdin.fileno()), writable=False)
    threading.Thread(target=end_with, args=(life,), daemon=True).start()


def make(planned: grid.Grid, workers: int | None, minutes: float | None, stamp: str | None) -> int:
    """Make the runs that are missing; 1 if some are missing still."""
    if not planned.runs:
        raise BenchmarkError(f"{planned.name} has no runs")
    store = Store(planned.runs[0].config.store)
    since = None if stamp is None else check_stamp(planned, store, stamp)
    missing = without_record(planned.runs)
    if not missing:
        return 0
    if stamp is None:  # otherwise the command that began the grid has checked it, with the same code
        check_trackers(run.config for run in missing)
        for run in missing:
            check_plugins(run.config)
    store.open()
    make_writable("cache", missing[0].config.cache)
    records = list(load_records(planned, store).values())
    Local(run_minutes=minutes).make(Assignment(planned, (), missing, store, records, workers, since))
    return 1 if without_record(missing) else 0


if __name__ == "__main__":
    sys.exit(main())
