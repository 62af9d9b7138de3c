"""A check of a whole store, which finds every file or folder with a fault."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.config.stored import of_another_run
from benchmark.damage import SET_ASIDE
from benchmark.printable import printable
from benchmark.progress import Tell, silence
from benchmark.records import arrays
from benchmark.records.lease import LEASES
from benchmark.records.leftovers import PARTIAL
from benchmark.records.ongoing import ONGOING
from benchmark.records.reading import DamagedError, UnreadableError, content_of, record_at, text_of
from benchmark.records.record import Failure, Record, VersionError
from benchmark.records.store import FAILURES, STAMPS, UNFINISHED, Store
from benchmark.records.token import FILE as TOKEN
from benchmark.records.workers import WORKERS

RUN = re.compile(r"([0-9a-f]{16})(-[1-9]\d*)?")
FAILED = re.compile(r"[0-9a-f]{16}-[1-9]\d*\.json")
OURS = {UNFINISHED, SET_ASIDE, LEASES, WORKERS, STAMPS, ONGOING, TOKEN}
Unlike = Callable[[Record, Mapping[str, np.ndarray]], str | None]


@dataclass(frozen=True)
class Fault:
    """A faulty file or folder in a store, and ``why``.

    ``damaged`` is True if it was read and is wrong: `Store.set_aside` may move it. Other places are foreign,
    cannot be read now, or are ``unproven``: valid records that older code wrote without a seal.
    """

    place: Path
    why: str
    damaged: bool = False
    unproven: bool = False


def faults(
    store: Store, unlike: Unlike = lambda record, stored: None, tell: Tell = silence
) -> Iterator[Fault]:
    """The faults of a store: of records with their arrays, of failures, and foreign places; nothing is moved.

    ``unlike`` tells where a record and its arrays contradict each other, see `benchmark.report.proof`. One
    record is in memory at a time. Raises: OSError if the store cannot be listed.
    """
    names = sorted(os.listdir(store.folder))
    for done, place in enumerate(map(store.folder.joinpath, names), 1):
        if place.name == FAILURES:
            yield from _of_failures(place)
        elif run := RUN.fullmatch(place.name):
            yield from of_run(place, run[1], unlike)
        elif place.name not in OURS and not place.name.startswith(PARTIAL):
            yield Fault(place, f"{printable(place.name)} is not the id of a run")
        tell("places", done, len(names))


def of_run(folder: Path, run_id: str, unlike: Unlike) -> Iterator[Fault]:
    """The faults of one record of a run."""
    number = int(folder.name.partition("-")[2] or 1)
    if number > 2 and not os.path.lexists(before := folder.with_name(f"{run_id}-{number - 1}")):
        yield Fault(folder, f"is not found by readers, because there is no {before.name}: rename it to that")
    try:
        record = record_at(folder, run_id)
    except (DamagedError, UnreadableError, VersionError) as error:
        yield Fault(folder, str(error), isinstance(error, DamagedError))
        return
    if record is None:  # it was moved since
        return
    if record.seal and of_another_run(record.config, run_id):
        yield Fault(folder, "its configuration belongs to another run", True)
    if not record.seal:
        yield Fault(folder, "has no seal, as older code wrote it: nothing proves its numbers", unproven=True)
    path = folder / "arrays.npz"
    try:
        if (why := unlike(record, arrays.read(path, record))) is not None:
            yield Fault(folder, why, True)
    except (DamagedError, UnreadableError, FileNotFoundError) as error:
        yield Fault(path, str(error), isinstance(error, DamagedError))


def _of_failures(folder: Path) -> Iterator[Fault]:
    for path in sorted(folder.iterdir()):
        try:
            if FAILED.fullmatch(path.name) is None:
                yield Fault(path, "no number of a run's failure is at the end of its name")
            else:
                Failure.from_json(content_of(text_of(path)))
        except (DamagedError, ValueError) as error:
            yield Fault(path, str(error), True)
        except (UnreadableError, VersionError, FileNotFoundError) as error:
            yield Fault(path, str(error))
