"""A store checked as a whole, and its damaged places set aside on request."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmark.progress import Tell, silence
from benchmark.records import workers
from benchmark.records.checking import Fault, faults, of_run
from benchmark.records.lease import LEASES, Lease
from benchmark.records.leftovers import leftovers
from benchmark.records.store import FAILURES, Store
from benchmark.report.proof import unlike


@dataclass
class Checked:
    """Numbers of faults in a store, of places set aside, and of unproven records."""

    faults: int = 0
    moved: int = 0
    unproven: int = 0


def check(store: Store, move: bool, say: Callable[[str], None], tell: Tell = silence) -> Checked:
    """Check every place of a store; ``say`` receives a line for each fault.

    With ``move``, what is proven to be damaged is set aside, never deleted, while this process holds the lease of
    its run. Raises: BenchmarkError for a token that is damaged or newer, OSError.
    """
    checked = Checked()
    for fault in _all(store, tell):
        if fault.unproven:
            checked.unproven += 1
            continue
        checked.faults += 1
        say(f"{fault.place}: {fault.why}")
        if move and fault.damaged:
            stays = _moved(store, fault.place)
            checked.moved += stays is None
            if stays:
                say(f"{fault.place}: stays there, because {stays}")
    return checked


def _all(store: Store, tell: Tell) -> Iterator[Fault]:
    for place, why in leftovers(store):
        yield Fault(place, why)
    yield from faults(store, unlike, tell)


def _moved(store: Store, place: Path) -> str | None:
    """Set a damaged place aside; the reason why it stays, or None.

    A run is moved as a whole: a record without its arrays could not be verified.
    """
    of_failure = place.parent.name == FAILURES
    target = place if of_failure or place.parent == store.folder else place.parent
    run_id = target.name[:16]
    store.open()
    with workers.present(store.folder):
        lease = Lease(store.folder, LEASES, run_id)
        if not lease.take():
            return f"{lease.holder()} makes its run now"
        try:
            if not of_failure and not any(fault.damaged for fault in of_run(target, run_id, unlike)):
                return "it is whole by now"
            store.set_aside(target, "damaged")
            if os.path.lexists(target):
                return "it could not be moved"
            if not of_failure:
                _close_gap(store, target, run_id)
        finally:
            lease.release()
    return None


def _close_gap(store: Store, gone: Path, run_id: str) -> None:
    """Move the later records of a run down by one, since readers stop at the first missing number."""
    number = int(gone.name.partition("-")[2] or 1)
    for later in count(number + 1):
        if number == 1 or not os.path.lexists(store.folder / f"{run_id}-{later}"):
            return
        os.rename(store.folder / f"{run_id}-{later}", store.folder / f"{run_id}-{later - 1}")
