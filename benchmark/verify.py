"""`python -m benchmark.verify RECORDS`: run a sample of records again, and compare."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmark.command import carried_out, parse, parser_of
from benchmark.errors import BenchmarkError
from benchmark.places import in_home
from benchmark.printable import printable
from benchmark.progress import RunProgress, Tell, duration, shown
from benchmark.records.reading import DamagedError, UnreadableError, record_at
from benchmark.records.record import Record, VersionError
from benchmark.records.store import Store
from benchmark.store import rerun, unpacking
from benchmark.store.merging import check_store, runs_of

DESCRIPTION = """\
Run a random sample of records again on this machine, and compare the results.

  python -m benchmark.verify results/runs --sample 5
  python -m benchmark.verify records.tar.gz --sample 20 --seed 2

RECORDS is a store, or an archive that `python -m benchmark.store export` wrote; it is not changed. On the same kind of
machine (device, threads, precision, versions) scores, curve, losses and outputs must have the same bits. On another
kind every score must be within 3·√(0.2/n) over n examples (twice that for correlations): what other answers to a fifth
of the examples would make of it, right as often as wrong. A record cannot be rerun if its data, weights or classes are
not here. A class of its configuration is imported only from a package that you trust (BENCHMARK_TRUSTED).

The exit status is 0 if none differs or is damaged and some could be rerun, 1 otherwise, 2 for a refusal.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = parser_of("benchmark.verify", DESCRIPTION)
    parser.add_argument("records", metavar="RECORDS", type=in_home, help="a store or an archive")
    parser.add_argument("--sample", type=int, default=5, help="records to run again (default: 5)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice (default: 1)")
    parser.add_argument("--cache", type=in_home, default=Path(".cache"), help="as cache=… of a run")
    options = parse(parser, arguments)
    return carried_out(lambda: verify(options))


def verify(options: argparse.Namespace) -> int:
    """Run a sample again, one line each; return the exit status."""
    if options.sample < 1:
        raise BenchmarkError(f"--sample {options.sample}: at least 1")
    with tempfile.TemporaryDirectory(prefix="benchmark-verify-") as scratch:
        with shown() as tell:
            folder = source(options.records, Path(scratch), tell)
        return _verified(folder, Store(Path(scratch, "again")), options)


def source(records: Path, scratch: Path, tell: Tell) -> Path:
    """The store with the records: itself, or an archive unpacked in ``scratch``. Raises: BenchmarkError."""
    if unpacking.is_archive(records):
        store = Store(scratch / "archive")
        for line in unpacking.add(store, records, tell).left_out:
            print(printable(line), flush=True)
        return store.folder
    if records.is_file():
        raise BenchmarkError(f"{records}: neither a store nor an archive of records")
    check_store(records)
    return records


def _verified(folder: Path, store: Store, options: argparse.Namespace) -> int:
    started, places = time.monotonic(), runs_of(folder)
    if not places:
        raise BenchmarkError(f"{options.records}: there are no records in it")
    sample = sorted(random.Random(options.seed).sample(places, min(options.sample, len(places))))
    counts = Counter[str]()
    with shown() as progress:
        for number, place in enumerate(sample):
            verdict = rerun.proven(place, str(options.cache), store, _tell(progress, number, len(sample)))
            counts[verdict.outcome] += 1
            reason = f"  ({verdict.why})" if verdict.why else ""
            print(printable(f"{verdict.outcome:<8}  {place.name}  {named(place)}{reason}"), flush=True)
    said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in rerun.OUTCOMES if counts[outcome])
    print(f"{len(sample)} of {len(places)} records: {said}; {duration(time.monotonic() - started)}")
    wrong = counts[rerun.DIFFERS] or counts[rerun.DAMAGED]
    return 1 if wrong or counts[rerun.NOT_RUN] == len(sample) else 0


def _tell(progress: RunProgress, number: int, total: int) -> Tell:
    """A progress callback that shows a run's progress as part of the sample's."""

    def tell(unit: str, done: int, of: int) -> None:
        if unit == "updates":
            progress("percent", (number * 100 + done * 100 // max(of, 1)) // total, 100)

    return tell


def named(place: Path) -> str:
    """The run of a record in words, as far as it can be read."""
    try:
        record = record_at(place, place.name[:16])
    except (DamagedError, UnreadableError, VersionError):
        record = None
    return "" if record is None else words(record)


def words(record: Record) -> str:
    """Model, task, methods and seed of a record."""
    config = record.config
    methods = "+".join(sorted(config["method"])) or "vanilla"
    return f"{config['model']['name']} {config['task']['name']} {methods} seed {config['seed']}"


if __name__ == "__main__":
    sys.exit(main())
