"""Reading of records: nothing is moved or changed, and a file has one of four states.

It does not exist; it cannot be read now, so that its content is unknown (`UnreadableError`); it was read and
is not a record (`DamagedError`); or it is a record.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from benchmark.config.stored import of_another_run
from benchmark.errors import BenchmarkError
from benchmark.records import seal
from benchmark.records.coherence import contradiction
from benchmark.records.record import Record
from benchmark.records.shape import ShapeError

FILE, OUTPUTS = "record.json", "arrays.npz"
LARGEST = 16_000_000  # bytes of a record, or of a failure
HOW = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # a pipe without a writer would wait for ever


class UnreadableError(BenchmarkError):
    """A file that cannot be read now, so that its content is unknown."""


class DamagedError(Exception):
    """A file that was read and does not have the content it should have."""


def unreadable(path: Path, why: object) -> UnreadableError:
    """The error for a file of a run that cannot be read now."""
    return UnreadableError(f"{path} cannot be read now ({why}): it stays, and its run is not made again")


def record_at(folder: Path, run_id: str) -> Record | None:
    """The record of a run in ``folder``; None if there is no such folder.

    Raises: UnreadableError, DamagedError, VersionError for a record of another version. A record without its
    outputs is damaged, too.
    """
    text = _text_in(folder)
    if text is None:
        return None
    content, proven = _parsed(text)
    try:
        record = Record.from_json(content)
        if record.run_id != run_id:
            raise ShapeError(f"belongs to {record.run_id}")
        if (why := contradiction(record)) is not None:
            raise ShapeError(why)
        if seal.RECORD in record.seal and not proven:
            raise ShapeError("something in it was changed: its content is not what its digest says")
        if not record.seal and of_another_run(record.config, run_id):
            raise ShapeError("its configuration belongs to another run")
    except (ValueError, RecursionError) as error:
        raise DamagedError(_said(error)) from error
    return record if _has_outputs(folder) else None


def _has_outputs(folder: Path) -> bool:
    """True if there is a file of outputs with content; False if the folder was moved away just now.

    By `stat` alone: whoever reads the outputs compares them with their digest. Raises: UnreadableError, DamagedError.
    """
    path = folder / OUTPUTS
    try:
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise unreadable(path, "a link to nothing") from None
        if not os.path.lexists(folder):
            return False
        raise DamagedError(f"there is no {OUTPUTS} in it") from None
    except OSError as error:
        raise unreadable(path, error.strerror or error) from error
    if not stat.S_ISREG(status.st_mode):
        raise DamagedError(f"{OUTPUTS} is not a regular file")
    if not status.st_size:
        raise DamagedError(f"{OUTPUTS} is empty")
    return True


@contextmanager
def opened(path: Path, largest: int) -> Iterator[IO[bytes]]:
    """Open a regular file of at most ``largest`` bytes; other errors of the block pass.

    Raises: FileNotFoundError, UnreadableError, DamagedError.
    """
    try:
        file = os.fdopen(os.open(path, HOW), "rb")
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise DamagedError("a folder, and no file") from None
    except NotADirectoryError as error:
        raise DamagedError(f"{path.parent.name} is a file, and no folder") from error
    except OSError as error:
        raise unreadable(path, error.strerror or error) from error
    with file:
        try:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise DamagedError(f"{path.name} is not a regular file")
            if status.st_size > largest:
                raise DamagedError(f"{path.name} has {status.st_size} bytes, and at most {largest} are read")
            yield file
        except OSError as error:
            raise unreadable(path, error.strerror or error) from error


def text_of(path: Path) -> str:
    """The text of a small file. Raises: FileNotFoundError, UnreadableError, DamagedError."""
    with opened(path, LARGEST) as file:
        data = file.read(os.fstat(file.fileno()).st_size)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DamagedError(str(error)) from error


def content_of(text: str) -> Any:
    """The value of a JSON text that follows the standard strictly. Raises: DamagedError."""
    return _parsed(text)[0]


def _parsed(text: str) -> tuple[Any, bool]:
    """The value of a JSON text, and True if its seal proves it, so that no stricter reading is needed."""
    try:
        content = json.loads(text) if seal.SEAL in text else None
        proven = seal.holds(text, content)
        return content if proven else STRICT.decode(text), proven
    except (ValueError, RecursionError) as error:
        raise DamagedError(_said(error)) from error


def _text_in(folder: Path) -> str | None:
    path = folder / FILE
    for _ in range(2):  # a writer may move its folder here between two looks
        try:
            return text_of(path)
        except FileNotFoundError:
            if not os.path.lexists(folder):
                return None
        except DamagedError:
            if not os.path.lexists(folder):  # a file in the store's own place
                return None
            raise
    for place in (folder, path):
        if place.is_symlink():
            raise unreadable(place, "a link to nothing")
    raise DamagedError(f"there is no {FILE} in it")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose keys must differ."""
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key {twice[:100]!r} is there twice")
    return made


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a number")


def _said(error: BaseException) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
