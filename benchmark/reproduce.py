"""`python -m benchmark.reproduce TABLE …`: plan a table, run its missing runs, report it."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from benchmark.command import by_folder, carried_out, parse, parser_of
from benchmark.engines import base as engines
from benchmark.engines.base import Assignment, Engine
from benchmark.grids import grid, recipe
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.places import in_home
from benchmark.printable import printable
from benchmark.progress import shown
from benchmark.records import workers
from benchmark.records.disk import check_outside, make_writable
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.finished import arrays_of, drop_snapshots, records_at_hand
from benchmark.runs.hits import Hits
from benchmark.runs.plugins import check_changed, check_plugins, check_trackers
from benchmark.runs.reported import Reported
from benchmark.runs.uncollected import uncollected

DESCRIPTION = """\
Make a table of sweeps/: plan its runs, skip what the store has, run what is missing, report.

  python -m benchmark.reproduce demo/noisytune
  python -m benchmark.reproduce noisytune/table2 model=minilm task=rte,cola 'seed=range(1,4)'
  python -m benchmark.reproduce hype/table8 --smoke            in small, to see that it runs
  python -m benchmark.reproduce hype/table8 search=budget:4    as many settings for every arm

OVERRIDES narrow or change the grid in Hydra's syntax: an axis (model, task, method, data, seed) or any
key of a run's configuration (protocol.epochs=3). See `python -m benchmark --help` for the keys. search=paper
adds the paper's ranges as axes of all arms, search=budget:N a sample of them (sweeps/README.md).
"""
NAMED = 5  # ids in a note


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    It is 0, 1 if runs failed, 2 for a refusal, or 130 for Ctrl-C.
    """
    parser = parser_of("benchmark.reproduce", DESCRIPTION, f"tables:\n{by_folder(grid.tables())}")
    parser.add_argument("table", metavar="TABLE", help="one of those below")
    parser.add_argument("overrides", metavar="OVERRIDES", nargs="*", help="KEY=VALUE or KEY=VALUE,VALUE,…")
    parser.add_argument("--smoke", action="store_true", help="on the embedded encoder and tasks: no evidence")
    parser.add_argument("--plan", action="store_true", help="only say what would be run")
    parser.add_argument("--report-only", action="store_true", help="report what the store has, run nothing")
    parser.add_argument("--workers", type=int, help="runs at a time (default: cores / threads)")
    parser.add_argument("--output", type=in_home, default=Path("results/tables"), help="where reports go")
    options = parse(parser, arguments)
    return carried_out(lambda: reproduce(options), goes_on=not (options.plan or options.report_only))


def reproduce(options: argparse.Namespace) -> int:
    """Plan, run and report a table; return the exit status."""
    with shown() as tell:
        tell("composing the table", 0, 0)
        planned = grid.load(options.table, options.overrides, options.smoke)
    if planned.table["static"]:
        return show(planned, options)
    engine = engines.build(planned.runs[0].config.engine)
    check_trackers(run.config for run in planned.runs)
    store = Store(planned.runs[0].config.store)
    hits = Hits(store)
    with shown():
        records, missing = look_up(planned, hits)
        if not options.report_only:
            check_changed(planned, missing)
    for line in changed_records(hits):
        print(line, file=sys.stderr)
    print(plan(planned, missing, len(hits.unknown)), file=sys.stderr, flush=True)
    if options.plan:
        return 0
    folder = options.output / ("smoke" if options.smoke else "") / recipe.own_name(planned)
    check_outside("--output", options.output, store.folder)
    make_writable("--output", folder)
    failed: list[PlannedRun] = []
    if missing and not options.report_only:
        asked = Assignment(planned, words(options), missing, store, list(records.values()), options.workers)
        make(engine, asked)
        store.wait_until_there()
        hits = Hits(store)
        records = records_at_hand(planned, hits)
        failed = [run for run in missing if run.run_id not in records and run.run_id not in hits.unknown]
    if not options.report_only:
        drop_snapshots(store, records)

    fate = report_on(planned, records, hits, folder)
    unmade = [run for run in failed if run.run_id not in hits.changed]
    for line in [*said_of(unmade, planned, store), *(changed_records(hits) if failed else ())]:
        print(printable(line), file=sys.stderr)
    figures = ", and figures" if any(folder.glob("*.svg")) else ""
    print(f"{fate}: {folder}/table.md, .csv, .tex, .html{figures}", file=sys.stderr)
    if not options.report_only:
        whole = records.keys() >= {run.run_id for run in planned.runs}
        engine.tidy(store, planned if whole else None)
        workers.forget_killed(store.folder)
    return 1 if failed else 0


def report_on(planned: Grid, records: dict[str, Record], hits: Hits, folder: Path) -> str:
    """Print a table and have its report in ``folder``; say if it had to be written."""
    store, further = hits.store, repeated(hits, records)
    reported = Reported(planned, records, store, folder, further)
    if (printed := reported.printed()) is not None:
        print(printed)
        return "unchanged"

    with uncollected():
        from benchmark import report

    without = {run.run_id for run in planned.runs} - records.keys() - hits.unknown.keys()
    ended = set(store.failures_of(without))
    reported.keep(report.write(planned, records, folder, arrays_of(store, records), ended, further))
    return "also written"


def said_of(failed: list[PlannedRun], planned: Grid, store: Store) -> list[str]:
    """The reasons of failed runs with commands to try again, and the number never begun."""
    failures, lines = store.failures_of(run.run_id for run in failed), list[str]()
    for run in failed:
        if run.run_id in failures:
            again = shlex.join(["python", "-m", "benchmark", *planned.search, *run.overrides])
            lines += [f"failed: {failures[run.run_id][-1].error}", f"   try again: {again}"]
    never = sum(run.run_id not in failures for run in failed)
    return [*lines, *([f"{never} runs were not made: the same command goes on with them"] if never else [])]


def make(engine: Engine, asked: Assignment) -> None:
    """Have missing runs made by an engine. Raises: BenchmarkError before any run."""
    engine.check()
    for run in asked.missing:
        check_plugins(run.config)
    asked.store.open()
    make_writable("cache", asked.missing[0].config.cache)
    engine.make(asked)


def words(options: argparse.Namespace) -> tuple[str, ...]:
    """The words of a command line that select the same grid as this command."""
    return options.table, *options.overrides, *(["--smoke"] if options.smoke else [])


def show(planned: Grid, options: argparse.Namespace) -> int:
    """Report a table that has no runs; return the exit status."""
    print(plan(planned, []), file=sys.stderr, flush=True)
    if not options.plan:
        from benchmark import report

        folder = options.output / recipe.own_name(planned)
        check_outside("--output", options.output)
        make_writable("--output", folder)
        report.write(planned, {}, folder)
        print(f"also written: {folder}/table.md, .csv, .tex, .html", file=sys.stderr)
    return 0


def look_up(planned: Grid, hits: Hits) -> tuple[dict[str, Record], list[PlannedRun]]:
    """The finished records of a grid by run id, and the runs without one.

    A run whose record cannot be read now is in neither.
    """
    records, missing = records_at_hand(planned, hits), dict[str, PlannedRun]()
    for run in planned.runs:
        if run.run_id not in records and run.run_id not in hits.unknown:
            missing.setdefault(run.run_id, run)
    return records, list(missing.values())


def changed_records(hits: Hits) -> list[str]:
    """One line per change: the number of records made from other files."""
    counts = Counter(", ".join(changed) for changed in hits.changed.values())
    return [
        f"{changed} changed since {count} records were made: they stay, and are not used"
        for changed, count in counts.items()
    ]


def repeated(hits: Hits, records: Collection[str]) -> list[str]:
    """A note on runs with several records; the table uses the first of each."""
    names = sorted(run_id for run_id in records if hits.store.beside.get(run_id))
    if not names:
        return []
    count = "1 run has" if len(names) == 1 else f"{len(names)} runs have"
    return [
        f"{count} further records of the same data with other bits, as another machine may make them: the table has "
        f"the first of each ({', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''})."
    ]


def plan(planned: Grid, missing: list[PlannedRun], unknown: int = 0) -> str:
    """One line: the number of a table's runs, in the store, to do, and with a record that cannot be read now."""
    total = len({run.run_id for run in planned.runs})
    axes = ", ".join(f"{len(values)} {key}" for key, values in planned.axes.items() if len(values) > 1)
    if planned.table["static"]:
        return f"{planned.name}: 0 runs, a table of settings and data"
    done = total - len(missing) - unknown
    line = f"{planned.name}: {total} runs ({axes or 'one run'}), {done} in the store, {len(missing)} to do"
    return f"{line}, {unknown} that cannot be read now" if unknown else line


if __name__ == "__main__":
    sys.exit(main())
