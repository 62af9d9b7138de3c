"""The disk below a store: room, and permission to write."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.records import token

SPARE, FILES = 8192, 5  # bytes and files that a run takes beside its record: a lease, a folder of snapshots


class UnwritableError(BenchmarkError):
    """A store cannot be written to, because room or permission is missing."""


def make_writable(key: str, folder: str | Path) -> None:
    """Make ``folder`` if needed. Raises: BenchmarkError naming ``key`` if it is not writable."""
    if str(folder).startswith("~"):
        raise BenchmarkError(f"{key}={folder}: there is no such home folder")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = error.strerror or error
        raise BenchmarkError(
            f"{key}={folder}: cannot be written to ({why}); choose another folder"
        ) from error


def check_outside(key: str, place: Path, store: Path | None = None) -> None:
    """Refuse a place in a store for a report: a check of the store would find faults.

    ``store`` is the one that a command reads; another is known by its token. Raises: BenchmarkError naming ``key``.
    """
    for folder in (resolved := place.resolve(), *resolved.parents):
        if (folder / token.FILE).is_file() or (store is not None and folder == store.resolve()):
            raise BenchmarkError(
                f"{key}={place}: is in the store {folder}, which has records alone; choose another place"
            )


def unwritable(folder: Path, error: OSError) -> str:
    """Say that a store cannot be written to, why, and how much room there is."""
    try:
        room = os.statvfs(folder)
    except OSError:
        return f"store={folder}: cannot be written to ({error.strerror or error})"
    free = f"{room.f_bavail * room.f_frsize / 1e6:.1f} MB and {room.f_favail} files are free"
    return f"store={folder}: cannot be written to ({error.strerror or error}; {free})"


def short_of_room(folder: Path, runs: int, bytes_of_run: int) -> str | None:
    """A line on a disk without room for ``runs`` more runs of ``bytes_of_run`` bytes; None if it has."""
    room = os.statvfs(folder)
    needed, free = runs * (bytes_of_run + bytes_of_run // 4 + SPARE), room.f_bavail * room.f_frsize
    if needed <= free and (not room.f_files or room.f_favail >= FILES * runs):
        return None
    return (
        f"store={folder}: {free / 1e6:.1f} MB and {room.f_favail} files are free, and {runs} runs need "
        f"{needed / 1e6:.1f} MB and {FILES * runs} files: make room; the same command goes on from here"
    )
