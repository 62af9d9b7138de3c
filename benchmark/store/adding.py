"""Adding of results from elsewhere to a store: each once, and none in place of another.

A result with the same bits as an existing one is not added. A result of the same run and origins with other
bits is put beside the first one, under the next number; `benchmark.records.store.Store.find` takes the first
one, and says so.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from benchmark.records.reading import DamagedError, UnreadableError, opened
from benchmark.records.record import VersionError
from benchmark.records.store import Store
from benchmark.store.likeness import Result, few, of_environments, of_results

# Files of a run, with their largest sizes in bytes
FILES = {
    "record.json": 16_000_000,
    "arrays.npz": 64 * 2**30,
}


@dataclass
class Added:
    """Numbers of results that were added, and lines on those left out or beside others."""

    new: int = 0
    known: int = 0
    beside: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failures: int = 0

    def result(self, store: Store, partial: Path, run_id: str, named: str) -> None:
        """Add the result of a run, written to the folder ``partial`` of the store.

        ``named`` says where it comes from. A damaged one is left out. Raises: OSError if the store cannot be
        written to.
        """
        try:
            place, differing = placed(store, partial, run_id)
        except (DamagedError, UnreadableError, VersionError, FileNotFoundError) as error:
            self.left_out.append(f"{named}: left out ({error})")
            return
        if place is None:
            self.known += 1
        else:
            self.new += 1
            self.beside += [f"{named}: {line}; both are kept, this one as {place.name}" for line in differing]


def placed(store: Store, partial: Path, run_id: str) -> tuple[Path | None, list[str]]:
    """Move a run's folder into the store.

    Return its place, and its differences from results of the same origins. The place is None if the same bits
    are there. Raises: DamagedError, UnreadableError, VersionError for a folder without a complete result,
    OSError.
    """
    new = Result.read(partial, run_id)
    new.check()
    while True:
        differing = []
        for folder in standing(store, run_id):
            try:
                old = Result.read(folder, run_id)
                if old.record.changed(new.record.origins()):
                    continue
                parts = of_results(old, new)
            except (DamagedError, UnreadableError, VersionError, FileNotFoundError):
                continue  # a fault of the store itself, which `store check` names
            if not parts:
                return None, []
            around = few(of_environments(old.record, new.record)) or "nothing that the records tell"
            differing.append(f"other bits than {folder.name} ({few(parts)}); around them differs: {around}")
        free = _free(store, run_id)
        try:
            os.rename(partial, free)
        except OSError:
            if not os.path.lexists(free):  # otherwise another process was first
                raise
        else:
            return free, differing


def standing(store: Store, run_id: str) -> list[Path]:
    """The places of a run that are taken, as `Store.find` reads them."""
    folders = store.folders(run_id)
    first = next(folders)
    return [*([first] if os.path.lexists(first) else []), *takewhile(os.path.lexists, folders)]


def _free(store: Store, run_id: str) -> Path:
    """The next free place after all existing ones, so that the first result stays the first."""
    taken = standing(store, run_id)
    return next(
        folder for folder in store.folders(run_id) if not taken or _number(folder) > _number(taken[-1])
    )


def _number(folder: Path) -> int:
    return int(folder.name.partition("-")[2] or 1)


@contextmanager
def writing(store: Store) -> Iterator[Path]:
    """A new folder in the store, not seen by readers; it is gone after the block, unless it was renamed."""
    partial = Path(tempfile.mkdtemp(prefix=".writing-", dir=store.folder))
    try:
        partial.chmod(0o755)
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def copied(folder: Path, partial: Path) -> None:
    """Copy a run's files. Raises: DamagedError, UnreadableError, OSError if they cannot be written."""
    for name, largest in FILES.items():
        try:
            with opened(folder / name, largest) as source, (partial / name).open("xb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except FileNotFoundError as error:
            raise DamagedError(f"there is no {name} in it") from error
