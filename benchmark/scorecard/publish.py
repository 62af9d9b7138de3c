"""`python -m benchmark.scorecard.publish [CAMPAIGN …]`: runs, records and reports of campaigns, to be committed."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from benchmark.command import carried_out, parse, parser_of
from benchmark.errors import BenchmarkError, unknown
from benchmark.grids import grid
from benchmark.grids.grid import Grid
from benchmark.places import ROOT, in_home
from benchmark.printable import printable
from benchmark.records.disk import check_outside
from benchmark.records.store import Store
from benchmark.runs.finished import records_at_hand
from benchmark.runs.hits import Hits
from benchmark.scorecard.references import FOLDER, SWEEPS, Reference, method_of
from benchmark.store import archive

DESCRIPTION = """\
Write what campaigns have in the store to results/reference/campaigns: their records, by method, and their report.

  python -m benchmark.scorecard.publish                       all campaigns
  python -m benchmark.scorecard.publish strength --minutes 8  make missing runs first

With --minutes the campaigns are gone through in their order, the one that decides most for its hours first; what is
stopped goes on next time.
"""
ORDER = ("strength", "tiny", "baselines", "small_data", "minilm_l3", "ner", "data_size")
SHOWN = ("table.md", "table.csv", "claims.csv", "*.svg")
ENDING = 30.0  # seconds in which a grid that is stopped saves its snapshots


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 for a refusal."""
    parser = parser_of("benchmark.scorecard.publish", DESCRIPTION)
    parser.add_argument(
        "campaigns", metavar="CAMPAIGN", nargs="*", help=f"of {', '.join(ORDER)} (default: all)"
    )
    parser.add_argument("--minutes", type=float, help="for which missing runs are made (default: none)")
    parser.add_argument("--output", type=in_home, default=ROOT / FOLDER, help="where campaigns go")
    options = parse(parser, arguments)
    return carried_out(lambda: publish(options), goes_on=options.minutes is not None)


def publish(options: argparse.Namespace) -> int:
    """Make runs if asked to, and write every campaign that has some; return the exit status."""
    for name in options.campaigns:
        if name not in ORDER:
            raise unknown("campaign", name, ORDER, f"sweeps/{SWEEPS}/")
    if options.minutes is not None and not 0 < options.minutes < float("inf"):
        raise BenchmarkError(f"--minutes {options.minutes:g}: must be above 0")
    check_outside("--output", options.output)
    chosen = [name for name in ORDER if name in options.campaigns or not options.campaigns]
    bring(chosen, options.output)
    if options.minutes is not None:
        make(chosen, time.monotonic() + 60 * options.minutes)
    for name in chosen:
        planned = grid.load(f"{SWEEPS}/{name}")
        packed = pack(planned, options.output / name)
        if packed:
            show(planned.name, options.output / name)
        print(
            f"{planned.name}: {packed} of {len({run.run_id for run in planned.runs})} runs", file=sys.stderr
        )
    return 0


def bring(names: Sequence[str], folder: Path) -> None:
    """Add the published records to the store, so that new archives contain them too."""
    for name in names:
        archives = tuple(sorted((folder / name).glob("*.tar.gz")))
        store = Store(grid.load(f"{SWEEPS}/{name}").runs[0].config.store)
        for line in Reference(f"{SWEEPS}/{name}", archives).add_to(store):
            print(printable(line), file=sys.stderr)


def make(names: Sequence[str], last: float) -> None:
    """Make runs of the campaigns until the time ``last`` of the monotonic clock."""
    for name in names:
        left = last - time.monotonic()
        if left <= 0:
            return
        with subprocess.Popen([sys.executable, "-m", "benchmark.reproduce", f"{SWEEPS}/{name}"]) as process:
            try:
                process.wait(left)
            except subprocess.TimeoutExpired:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(ENDING)
                process.kill()


def pack(planned: Grid, folder: Path) -> int:
    """Write the records of a campaign, an archive for each of its methods; return their number."""
    store = Store(planned.runs[0].config.store)
    records = records_at_hand(planned, Hits(store))
    by_method: dict[str, dict[str, Path]] = {}
    for run in planned.runs:
        if run.run_id in records:
            by_method.setdefault(method_of(run), {})[run.run_id] = store.places[run.run_id]
    if by_method:
        folder.mkdir(parents=True, exist_ok=True)
    for method, folders in by_method.items():
        path = folder / f"{method.strip('[]').replace(',', '+') or 'plain'}.tar.gz"
        path.unlink(missing_ok=True)  # its records are in the store: see `bring`
        archive.write(path, folders, [planned.name])
    return len(records)


def show(table: str, folder: Path) -> None:
    """Write the report of a campaign's records to its folder."""
    with tempfile.TemporaryDirectory(prefix="benchmark-publish-") as scratch:
        command = ["benchmark.reproduce", table, "--report-only", "--output", scratch]
        subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
        for pattern in SHOWN:
            for path in sorted(Path(scratch, table).glob(pattern)):
                shutil.copyfile(path, folder / path.name)


if __name__ == "__main__":
    sys.exit(main())
