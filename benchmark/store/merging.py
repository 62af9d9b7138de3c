"""Several stores in one: records and failures, each copied completely or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.progress import Tell, silence
from benchmark.records import token
from benchmark.records.reading import DamagedError, UnreadableError, content_of, text_of
from benchmark.records.record import Failure, VersionError
from benchmark.records.store import FAILURES, Store
from benchmark.store.adding import Added, copied, writing

RUN = re.compile(r"([0-9a-f]{16})(?:-([1-9]\d*))?")
FAILED = re.compile(r"([0-9a-f]{16})-([1-9]\d*)\.json")


def merge(into: Path, sources: Sequence[Path], tell: Tell = silence) -> Added:
    """Copy results that ``into`` lacks from other stores; an interrupted merge can be repeated.

    Raises: BenchmarkError for a source that is not a store, is ``into`` itself, or has a newer format.
    """
    for source in sources:
        check_store(source)
        if os.path.realpath(source) == os.path.realpath(into):
            raise BenchmarkError(f"{source}: a store is not merged into itself")
    if into.exists() and not (token.read(into) or is_store(into) or not any(into.iterdir())):
        raise BenchmarkError(
            f"{into}: neither a store nor an empty folder; name one of these, or a new folder"
        )
    store, added = Store(into), Added()
    store.open()
    for source in sources:
        folders = runs_of(source)
        for done, folder in enumerate(folders, 1):
            _copy(store, folder, added)
            tell(f"records of {source}", done, len(folders))
        added.failures += _failures(store, source, added)
    return added


def check_store(folder: Path) -> None:
    """Raises: BenchmarkError unless ``folder`` is a store of a format that this code reads."""
    if not folder.is_dir():
        raise BenchmarkError(f"{folder}: there is no such folder")
    if token.read(folder) is None and not is_store(folder):
        raise BenchmarkError(f"{folder}: no store: it has neither a {token.FILE} nor a record")


def is_store(folder: Path) -> bool:
    """True for a folder with a token, or, like old stores, with a run's record."""
    with os.scandir(folder) as entries:
        return any(RUN.fullmatch(entry.name) and Path(entry, "record.json").exists() for entry in entries)


def runs_of(folder: Path) -> list[Path]:
    """The places of runs in a store, in the order in which they were written."""
    with os.scandir(folder) as entries:
        numbered = [
            (match[1], int(match[2] or 1)) for entry in entries if (match := RUN.fullmatch(entry.name))
        ]
    return [folder / (run_id if number == 1 else f"{run_id}-{number}") for run_id, number in sorted(numbered)]


def _copy(store: Store, folder: Path, added: Added) -> None:
    with writing(store) as partial:
        try:
            copied(folder, partial)
        except (DamagedError, UnreadableError) as error:
            added.left_out.append(f"{folder}: left out ({error})")
            return
        added.result(store, partial, folder.name[:16], str(folder))


def _failures(store: Store, source: Path, added: Added) -> int:
    """Copy the failures that the store lacks; return their number."""
    paths = [path for path in (source / FAILURES).glob("*.json") if FAILED.fullmatch(path.name)]
    paths.sort(key=lambda path: (path.name[:16], int(path.stem[17:])))
    new = 0
    for run_id, group in groupby(paths, key=lambda path: path.name[:16]):
        existing = store.failures(run_id)
        for path in group:
            try:
                failure = Failure.from_json(content_of(text_of(path)))
            except (DamagedError, UnreadableError, VersionError, ValueError, FileNotFoundError) as error:
                added.left_out.append(f"{path}: left out ({error})")
                continue
            if failure not in existing:
                store.add_failure(failure)
                new += 1
    return new
