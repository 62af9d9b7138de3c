"""`python -m benchmark.track STORE [TABLE…]`: send the records of a store that Weights & Biases lacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmark.command import carried_out, parse, parser_of
from benchmark.config.compose import run_config
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.places import in_home
from benchmark.printable import printable
from benchmark.progress import shown
from benchmark.records.reading import UnreadableError
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.told import UntellableError, digest
from benchmark.runs.tracking import LIVE, WandB, build
from benchmark.runs.wandb_pipe import WandBError
from benchmark.store.merging import check_store, runs_of

DESCRIPTION = """\
Tell Weights & Biases of the records of a store; those that it has are not sent again.

  python -m benchmark.track results/runs
  python -m benchmark.track results/runs demo/noisytune tracker.project=mine   a table's

A record's run there has the record's id, so that a run which was heard while it trained is made complete. The
exit status is 1 if a record could not be told.
"""
AT_ONCE = 200  # records whose digests are compared at a time
ACCOUNT = "set WANDB_API_KEY, or say `wandb login` (and WANDB_BASE_URL for a server of your own)"


@dataclass
class Sent:
    """Numbers of records: sent now, there already, and impossible to send."""

    new: int = 0
    known: int = 0
    left_out: int = 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 if a record could not be told, or 2 for a refusal."""
    parser = parser_of("benchmark.track", DESCRIPTION)
    parser.add_argument("store", metavar="STORE", type=in_home, help="the folder of records")
    parser.add_argument("names", metavar="TABLE", nargs="*", help="tables of sweeps/, and tracker.KEY=VALUE")
    options = parse(parser, arguments)

    def work() -> int:
        overrides = [name for name in options.names if "=" in name]
        tables = [name for name in options.names if name not in overrides]
        tracker = tracker_of(overrides)
        check_account(tracker)
        check_store(options.store)
        sent = tell(tracker, Store(options.store), chosen_runs(options.store, tables))
        facts = [f"{sent.new} records sent to {tracker.project}", f"{sent.known} there already"]
        facts += [f"{sent.left_out} left out"] if sent.left_out else []
        print(printable(", ".join(facts)))
        return 1 if sent.left_out else 0

    return carried_out(work, goes_on=True)


def tracker_of(overrides: Sequence[str]) -> WandB:
    """The tracker of `conf/tracker/wandb.yaml`. Raises: BenchmarkError for an override of another key."""
    for override in overrides:
        if not override.lstrip("+").startswith("tracker."):
            raise BenchmarkError(f"{override}: not a setting of the tracker (valid: tracker.project=…, …)")
    tracker = build(run_config("tracker=wandb", *overrides).tracker)
    assert isinstance(tracker, WandB)
    return tracker


def check_account(tracker: WandB) -> None:
    """Raises: BenchmarkError without an account, or if W&B is told to stay offline."""
    if tracker.chosen_mode() not in LIVE:
        named = tracker.named_mode()
        why = f"W&B is to be {named} (tracker.mode or WANDB_MODE)" if named else "there is no account of W&B"
        raise BenchmarkError(f"{why}: {ACCOUNT}")


def chosen_runs(folder: Path, tables: Sequence[str]) -> dict[str, str | None]:
    """The runs to send, by id, with the table under which each is grouped."""
    stored = dict.fromkeys(place.name[:16] for place in runs_of(folder))
    if not tables:
        if not stored:
            raise BenchmarkError(f"{folder}: no record is there yet")
        return stored
    planned = {run.run_id: name for name in tables for run in grid.load(name).runs}
    chosen: dict[str, str | None] = {run_id: name for run_id, name in planned.items() if run_id in stored}
    if not chosen:
        raise BenchmarkError(f"{folder}: no record of {', '.join(tables)} is there yet")
    return chosen


def tell(tracker: WandB, store: Store, runs: Mapping[str, str | None]) -> Sent:
    """Send the records that the server lacks. Raises: BenchmarkError if it does not take them."""
    sent, names = Sent(), iter(runs)
    try:
        with closing(tracker), shown() as progress:
            while part := list(islice(names, AT_ONCE)):
                records = dict(readable(store, part))
                sent.left_out += len(part) - len(records)
                digests = {run_id: digest(record.to_json()) for run_id, record in records.items()}
                known = tracker.known(part)
                for run_id, record in records.items():
                    if known.get(run_id) == digests[run_id]:
                        sent.known += 1
                    else:
                        send(tracker, store, record, runs[run_id], sent)
                    progress("records", sent.new + sent.known + sent.left_out, len(runs))
    except WandBError as error:
        told = f"{sent.new} records were sent; the same command goes on from here"
        raise BenchmarkError(f"W&B: {error}; {told}") from error
    return sent


def send(tracker: WandB, store: Store, record: Record, table: str | None, sent: Sent) -> None:
    """Send one record, and count it."""
    try:
        tracker.track(record, store.arrays(record.run_id), table, new=True)
        sent.new += 1
    except UntellableError as error:
        store.warn(record.run_id, f"cannot be told ({error})")
        sent.left_out += 1


def readable(store: Store, names: Sequence[str]) -> Iterator[tuple[str, Record]]:
    """The records that can be read; the store warns of others."""
    for run_id in names:
        try:
            record = store.find(run_id)
        except UnreadableError as error:
            store.warn(run_id, error)
            continue
        if record is not None:
            yield run_id, record


if __name__ == "__main__":
    sys.exit(main())
