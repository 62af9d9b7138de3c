"""Leftovers in a store: files of processes that were interrupted, and of runs that are finished."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from benchmark.printable import printable
from benchmark.progress import duration
from benchmark.records import token
from benchmark.records.lease import LEASES
from benchmark.records.ongoing import ONGOING
from benchmark.records.store import UNFINISHED, Store
from benchmark.records.workers import FORGOTTEN, WORKERS

PARTIAL = ".writing-"
WRITTEN = 3600.0  # seconds after which nobody can still be writing
SNAPSHOT = re.compile(r"([0-9a-f]{16})\.\w+")


def leftovers(store: Store) -> Iterator[tuple[Path, str]]:
    """The leftovers of a store, each with the reason why nothing needs it.

    Raises: BenchmarkError, OSError.
    """
    known = token.read(store.folder)
    seconds = FORGOTTEN * (known.lease if known else token.LEASE)
    for place in _in(store.folder):
        if place.name.startswith(PARTIAL) and _age(place) > WRITTEN:
            yield place, f"was never finished: nothing was written to it for {duration(_age(place))}"
    for kind, holder in ((LEASES, "the run"), (WORKERS, "the store")):
        for path in _in(store.folder / kind):
            if (age := _age(path)) > seconds:
                empty = "an empty lease" if not path.stat().st_size else "a lease"
                yield path, f"{empty} that was not renewed for {duration(age)}: who had {holder} is gone"
    for path in _in(store.folder / ONGOING):
        if (age := _age(path)) > seconds:
            yield path, f"a note that was not renewed for {duration(age)}: who wrote it is gone"
    for path in _in(store.folder / UNFINISHED):
        run = SNAPSHOT.fullmatch(path.name)
        if run is None:
            yield path, f"{printable(path.name)} is not the snapshot of a run"
        elif (store.folder / run[1] / "record.json").exists() and not (
            store.folder / LEASES / run[1]
        ).exists():
            yield path, "the snapshot of a run that is finished: nothing needs it"


def _in(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except FileNotFoundError:
        return []


def _age(path: Path) -> float:
    """Seconds since a place was written to; 0 if it is gone by now."""
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0
