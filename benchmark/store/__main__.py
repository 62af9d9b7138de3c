"""`python -m benchmark.store check | merge | export | import`: stores as a whole."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmark.command import carried_out, parse, parser_of
from benchmark.errors import BenchmarkError, unknown
from benchmark.places import in_home
from benchmark.printable import counted, printable
from benchmark.progress import RunProgress, duration, shown
from benchmark.records.disk import check_outside
from benchmark.records.store import FAILURES, Store
from benchmark.store.adding import Added
from benchmark.store.merging import check_store, merge, runs_of
from benchmark.store.unpacking import add

DESCRIPTION = """\
Check, merge and give away stores of records. Nothing in a store is changed or deleted.

  python -m benchmark.store check [STORE] [--move]      verify all records; set damaged ones aside
  python -m benchmark.store merge INTO FROM…            copy what other stores have into one
  python -m benchmark.store export TABLE… --output FILE.tar.gz [OVERRIDES]   the records of tables
  python -m benchmark.store import STORE FILE.tar.gz    verify an archive, and add its records

Each has a --help of its own.
"""
CHECK = """\
Verify every record of a store against its digests and its schema, and name every place that should not be there.

The exit status is 0 if all is well, 1 if there are faults, 2 for a refusal. Nothing is deleted. --move sets aside
what is proven to be damaged (STORE/set-aside/), a run at a time and never one that is being made.
"""
MERGE = """\
Copy records and failures of several stores into one.

Of one run with the same bits (scores, curve, outputs) one is kept. With other bits both are kept, each difference is
named with what differs around it (machine, versions, code), and reports use the one that was there first and say so.
It can be interrupted and repeated. The exit status is 1 if damaged records were left out.
"""
EXPORT = """\
Write the records of tables that the store has to one archive, or as files of Every Eval Ever.

OVERRIDES narrow or change the tables as in `python -m benchmark.reproduce`; store=… names the store. The archive has
the files of the store as they are, outputs included, and a manifest of their SHA-256. It is the same for the same
records, byte for byte.
"""
IMPORT = """\
Verify an archive of records, and add them to a store. An archive that is damaged adds nothing.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 if something is wrong with records, or 2 for a refusal."""
    words = sys.argv[1:] if arguments is None else arguments
    work = {"check": _check, "merge": _merge, "export": _export, "import": _import}
    parser = parser_of("benchmark.store", DESCRIPTION)
    if not words or words[0].startswith("-"):
        parser.parse_args(words)
        parser.print_help()
        return 2
    if words[0] not in work:
        return carried_out(lambda: _refuse(unknown("command", words[0], work)))
    return work[words[0]](words[1:])


def _refuse(error: BenchmarkError) -> int:
    raise error


def _check(words: list[str]) -> int:
    parser = parser_of("benchmark.store check", CHECK)
    parser.add_argument("store", metavar="STORE", nargs="?", type=in_home, default=Path("results/runs"))
    parser.add_argument("--move", action="store_true", help="set damaged records and failures aside")
    options = parse(parser, words)

    def work() -> int:
        from benchmark.store.checked import check  # the report behind it takes seconds to import

        started = time.monotonic()
        check_store(options.store)
        with shown() as progress:
            checked = check(Store(options.store), options.move, _say, progress)
        failures = len(list((options.store / FAILURES).glob("*.json")))
        facts = [counted(len(runs_of(options.store)), "record"), counted(failures, "failure")]
        facts += [counted(checked.faults, "fault") if checked.faults else "no fault"]
        facts += [f"{checked.moved} set aside"] if options.move else []
        facts += (
            [f"{counted(checked.unproven, 'record')} of older code without a seal"]
            if checked.unproven
            else []
        )
        _say(f"{', '.join(facts)}; {duration(time.monotonic() - started)}")
        return 1 if checked.faults else 0

    return carried_out(work)


def _merge(words: list[str]) -> int:
    parser = parser_of("benchmark.store merge", MERGE)
    parser.add_argument("into", metavar="INTO", type=in_home, help="a store, or a folder to be made")
    parser.add_argument("sources", metavar="FROM", nargs="+", type=in_home, help="stores")
    options = parse(parser, words)
    return carried_out(lambda: _added(lambda tell: merge(options.into, options.sources, tell), options.into))


def _import(words: list[str]) -> int:
    parser = parser_of("benchmark.store import", IMPORT)
    parser.add_argument("into", metavar="STORE", type=in_home, help="a store, or a folder to be made")
    parser.add_argument("file", metavar="FILE.tar.gz", type=in_home, help="what `export` wrote")
    options = parse(parser, words)
    return carried_out(
        lambda: _added(lambda tell: add(Store(options.into), options.file, tell), options.into)
    )


def _added(work: Callable[[RunProgress], Added], into: Path) -> int:
    """Add to a store, and say what became of it; the exit status."""
    with shown() as progress:
        added = work(progress)
    for line in (*added.left_out, *added.beside):
        _say(line)
    facts = [f"{counted(added.new, 'record')} new in {into}", f"{added.known} there already"]
    facts += [f"{len(added.beside)} with other bits"] if added.beside else []
    facts += [counted(added.failures, "failure")] if added.failures else []
    facts += [f"{len(added.left_out)} damaged, left out"] if added.left_out else []
    _say(f"{', '.join(facts)}; {duration(progress.line.elapsed)}")
    return 1 if added.left_out else 0


def _export(words: list[str]) -> int:
    parser = parser_of("benchmark.store export", EXPORT)
    parser.add_argument("tables", metavar="TABLE", nargs="+", help="tables of sweeps/, and overrides")
    parser.add_argument("--smoke", action="store_true", help="of the smoke runs")
    parser.add_argument("--output", type=in_home, metavar="FILE.tar.gz", help="the archive")
    parser.add_argument("--every-eval-ever", type=in_home, metavar="FOLDER", help="one JSON file per run")
    parser.add_argument("--organization", default="unknown", help="who made the runs, for Every Eval Ever")
    options = parse(parser, words)
    return carried_out(lambda: _exported(options))


def _exported(options: argparse.Namespace) -> int:
    from benchmark.store.every_eval_ever import write_all
    from benchmark.store.exporting import exported, of_tables  # and Hydra behind it

    if options.output is None and options.every_eval_ever is None:
        raise BenchmarkError("name --output FILE.tar.gz, or --every-eval-ever FOLDER")
    for key in ("output", "every_eval_ever"):
        if (place := getattr(options, key)) is not None:
            check_outside(f"--{key.replace('_', '-')}", place)
    with shown() as progress:
        progress("looking records up", 0, 0)
        chosen = of_tables(options.tables, options.smoke)
    for line in chosen.left_out:
        _say(line)
    if options.output is not None:
        with shown() as progress:
            size = exported(chosen, options.output, progress)
        _say(f"{options.output}: {len(chosen.records)} of {chosen.runs} runs, {size / 1e6:.2f} MB")
    if options.every_eval_ever is not None:
        written = write_all(chosen.records.values(), options.every_eval_ever, options.organization)
        scoreless = len(chosen.records) - written
        more = f"; {counted(scoreless, 'run')} without a score: no file" if scoreless else ""
        _say(f"{options.every_eval_ever}: {counted(written, 'file')}{more}")
    return 1 if chosen.left_out else 0


def _say(line: str) -> None:
    print(printable(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
