"""`python -m benchmark.scorecard METHOD`: run one method, and compare it with all reference runs."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmark.command import carried_out, parse, parser_of
from benchmark.config.searchpath import parted
from benchmark.errors import BenchmarkError, unknown
from benchmark.grids import grid
from benchmark.grids.grid import Grid
from benchmark.places import ROOT, in_home
from benchmark.printable import printable
from benchmark.records.disk import check_outside, make_writable
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.finished import records_at_hand
from benchmark.runs.hits import Hits
from benchmark.runs.missing import without_record
from benchmark.runs.plugins import check_plugins
from benchmark.scorecard.references import FOLDER, Arms, Reference, arms, references
from benchmark.store.likeness import few, of_environments

DESCRIPTION = """\
Run a method in the campaigns whose records are in results/reference/campaigns, and compare it with all of theirs.

  python -m benchmark.scorecard '[mine]'
  python -m benchmark.scorecard '[mine]' 'hydra.searchpath=[file:///home/me/conf]'  from elsewhere
  python -m benchmark.scorecard '[mine]' --verify    first run two reference runs again
  python -m benchmark.scorecard '[mine]' --campaigns tiny    in this one alone

METHOD is a value of a sweep's axis `method`. Its runs alone are made; the other arms are the committed records, which
are added to the store. Runs are pure functions, so both sides are paired by seed.
"""
FREE = ("store", "cache", "device", "tracker", "engine")  # keys that do not change what a run is
# Campaigns that run only if named: their encoders are in packages of their own.
APART = ("minilm_l3", "ner")
SAMPLE = 2  # reference runs that --verify makes again


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: of the grid, or 2 for a refusal."""
    parser = parser_of("benchmark.scorecard", DESCRIPTION)
    parser.add_argument(
        "method", metavar="METHOD", help="methods of one run, such as [noisytune] or [mine,hype_n]"
    )
    parser.add_argument(
        "overrides", metavar="OVERRIDES", nargs="*", help=f"of {', '.join(FREE)} or the search path"
    )
    parser.add_argument("--verify", action="store_true", help=f"run {SAMPLE} reference runs again first")
    parser.add_argument(
        "--campaigns",
        metavar="NAMES",
        help=f"by comma (default: all that have records, but {', '.join(APART)})",
    )
    parser.add_argument("--references", type=in_home, default=ROOT / FOLDER, help="campaigns with records")
    parser.add_argument("--output", type=in_home, default=Path("results/tables"), help="where reports go")
    options = parse(parser, arguments)
    return carried_out(lambda: score(options), goes_on=True)


def score(options: argparse.Namespace) -> int:
    """Compare a method in every campaign; return the exit status."""
    if not options.method.strip("[] "):
        raise BenchmarkError(
            f"METHOD={options.method!r}: plain fine-tuning is in every campaign; name a method, as in '[noisytune]' "
            "(python -m benchmark.methods lists them)"
        )
    check(options.overrides)
    method = options.method if options.method.startswith("[") else f"[{options.method}]"
    campaigns = chosen(references(options.references), options.campaigns)
    fitting = of_methods(campaigns, options.overrides)
    for reference in fitting:  # all of them before the first one adds its records to the store
        check_method(reference.table, method, options.overrides)
    check_outside("--output", options.output)
    make_writable("--output", options.output)
    for reference in fitting:
        if options.verify and (status := verified(reference)):
            return status
        changes = comparable(reference, method, options.overrides)
        command = ["benchmark.reproduce", reference.table, *changes, "--output", str(options.output)]
        if status := subprocess.call([sys.executable, "-m", *command]):
            return status
    return 0


def chosen(references: list[Reference], names: str | None) -> list[Reference]:
    """The campaigns called ``names`` (by comma), in this order. Raises: BenchmarkError for one without records."""
    by_name = {reference.table.rpartition("/")[2]: reference for reference in references}
    wanted = [name for name in by_name if name not in APART] if names is None else names.split(",")
    if not wanted:
        raise BenchmarkError(
            f"name the campaigns with --campaigns: only {', '.join(by_name)} have records here"
        )
    for name in wanted:
        if name not in by_name:
            raise unknown("campaign", name, by_name, "those that have records here")
    return [by_name[name] for name in wanted]


def of_methods(references: list[Reference], overrides: list[str]) -> list[Reference]:
    """The campaigns that another method fits into: one rectangle, with methods as an axis.

    Raises: BenchmarkError if there is none.
    """
    search = parted(overrides)[0]
    fitting = [reference for reference in references if not grid.load(reference.table, search).table["grids"]]
    if not fitting:
        names = ", ".join(reference.table for reference in references)
        raise BenchmarkError(f"{names}: no campaign here compares methods that have the same axes")
    return fitting


def check(overrides: list[str]) -> None:
    """Raises: BenchmarkError for an override that changes what is compared."""
    for override in parted(overrides)[1]:
        if override.partition("=")[0].lstrip("+").split(".")[0] not in FREE:
            raise BenchmarkError(
                f"{override}: the reference runs were made without it, so nothing would be comparable "
                f"(valid: {', '.join(FREE)}, hydra.searchpath); to change it for all arms, make them anew: "
                f"python -m benchmark.reproduce CAMPAIGN {override}"
            )


def check_method(table: str, method: str, overrides: list[str]) -> None:
    """Raises: BenchmarkError for methods, or overrides, with which a campaign cannot be run."""
    for run in without_record(grid.load(table, [*overrides, f"method={method}"]).runs):
        check_plugins(run.config)


def verified(reference: Reference) -> int:
    """The exit status of running a sample of the reference runs, of all archives, again."""
    with tempfile.TemporaryDirectory(prefix="benchmark-scorecard-") as scratch:
        reference.add_to(Store(Path(scratch)))
        command = ["benchmark.verify", scratch, "--sample", str(SAMPLE)]
        return subprocess.call([sys.executable, "-m", *command])


def comparable(reference: Reference, method: str, overrides: list[str]) -> list[str]:
    """The overrides of the campaign's grid with its complete arms and ``method``.

    Prints differences from this machine. Raises: BenchmarkError for reference runs of other files than here.
    """
    planned = grid.load(reference.table, overrides)
    store = Store(planned.runs[0].config.store)
    for line in reference.add_to(store):
        print(printable(line), file=sys.stderr)
    hits = Hits(store)
    records = records_at_hand(planned, hits)
    check_origins(reference.table, hits)
    kept = arms(planned, records)
    changes = [*overrides, f"method={','.join(dict.fromkeys([*kept.methods, method]))}"]
    changes += [f"task={','.join(kept.tasks)}", f"seed={','.join(map(str, kept.seeds))}"]
    mine = grid.load(reference.table, changes)
    for line in facts(mine, kept, records, method):
        print(printable(line), file=sys.stderr, flush=True)
    return changes


def check_origins(table: str, hits: Hits) -> None:
    """Raises: BenchmarkError for records of other files than those at hand."""
    if hits.changed:
        changed = sorted({name for names in hits.changed.values() for name in names})
        raise BenchmarkError(
            f"{table}: {len(hits.changed)} reference runs were made with other files ({', '.join(changed)}) than here, so nothing "
            f"is comparable; get theirs, or make all arms anew: python -m benchmark.reproduce {table}"
        )


def facts(mine: Grid, kept: Arms, records: dict[str, Record], method: str) -> list[str]:
    """Lines on the comparison, and on machines and versions of the reference runs."""
    to_do = len({run.run_id for run in mine.runs} - records.keys())
    line = f"{mine.name}: {method} beside {len(kept.methods)} arms of {len(kept.seeds)} seeds, {to_do} runs to do"
    line += f" ({', '.join(kept.tasks)})"
    return [line, surroundings(mine, records)]


def surroundings(mine: Grid, records: dict[str, Record]) -> str:
    """A line on the machines, versions and code of the reference runs."""
    made = [records[run.run_id] for run in mine.runs if run.run_id in records]
    others = sorted({fact for environment in made[1:] for fact in of_environments(made[0], environment)})
    stamp = made[0].environment
    packages = ", ".join(f"{name} {version}" for name, version in stamp["packages"].items())
    line = f"reference runs: {stamp['device']}, {packages}, code {str(stamp['code']['commit'])[:12]}"
    line += f"; among them differs {few(others)}" if others else ""
    return (
        f"{line}. Elsewhere sums are rounded in another order, so that single scores differ by chance and pairs are "
        f"less alike; --verify shows whether they do here."
    )


if __name__ == "__main__":
    sys.exit(main())
