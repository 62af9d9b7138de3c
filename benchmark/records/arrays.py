"""The arrays of a record: only known arrays are read, if they fit the record and each other."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from benchmark.records import seal
from benchmark.records.reading import DamagedError, opened
from benchmark.records.record import DIVERGED, Record

LARGEST = 64 * 2**30  # bytes of a file
LARGEST_FREE = 2**30  # bytes of an array whose shape the record does not tell
MEMBER = ".npy"
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
Header = tuple[tuple[int, ...], bool, np.dtype[Any]]  # shape, order by columns, type


def read(path: Path, record: Record) -> dict[str, np.ndarray]:
    """The arrays of ``record`` in the file at ``path``, by name.

    Raises: DamagedError naming the first array that does not fit, FileNotFoundError, UnreadableError.
    """
    with opened(path, LARGEST) as file:
        said = record.seal.get(seal.ARRAYS)
        if said is not None and seal.of_file(file) != said:
            raise DamagedError("they are not what the record's digest says: something in them was changed")
        with _archive(file) as archive:
            return _read(archive, record)


def losses(path: Path, record: Record) -> np.ndarray:
    """The training loss of every update, (updates,) float32; the other arrays are not read.

    So the record's seal, a digest of the whole file, is not checked here. Raises: as `read`.
    """
    with opened(path, LARGEST) as file, _archive(file) as archive:
        return _member(archive, archive.getinfo(f"losses{MEMBER}"), Expected(record))


@contextmanager
def _archive(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Open the archive in a file. Raises: DamagedError for whatever is wrong with it."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (DamagedError, OSError):
        raise
    except Exception as error:  # numpy, zipfile and zlib raise a dozen types
        raise DamagedError(f"{type(error).__name__}: {str(error)[:300]}") from error


def _read(archive: zipfile.ZipFile, record: Record) -> dict[str, np.ndarray]:
    members = archive.infolist()
    names = [member.filename.removesuffix(MEMBER) for member in members]
    if len(set(names)) < len(names):
        raise DamagedError("an array is there twice")
    expected = Expected(record)
    arrays = {name: _member(archive, member, expected) for name, member in zip(names, members, strict=True)}
    if (why := _apart(arrays)) is not None:
        raise DamagedError(why)
    return arrays


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, expected: Expected) -> np.ndarray:
    """One array of an archive. Raises: DamagedError if it does not fit its record."""
    name = member.filename.removesuffix(MEMBER)
    if not member.filename.endswith(MEMBER) or not expected.knows(name):
        raise DamagedError(f"an unknown {member.filename[:100]!r}")
    with archive.open(member) as file:
        shape, by_column, kind = _header(name, file)
        if (why := expected.unfit(name, shape, kind)) is not None:
            raise DamagedError(f"{name}: {kind} of shape {shape}, and {why}")
        size = math.prod(shape) * kind.itemsize
        content = file.read(size + 1)
    if len(content) != size:
        raise DamagedError(f"{name}: {len(content)} bytes, and its header says {size}")
    values = np.frombuffer(bytearray(content), kind)  # memory that may be written to
    return values.reshape(shape, order="F" if by_column else "C")


def _header(name: str, file: IO[bytes]) -> Header:
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise DamagedError(f"{name}: of version {version}")
    size = file.read(2 * version[0])
    shape, by_column, kind = _parsed(version, size + file.read(int.from_bytes(size, "little")))
    if kind.hasobject:
        raise DamagedError(f"{name}: holds objects that would have to be executed")
    return shape, by_column, kind


@lru_cache(maxsize=1024)
def _parsed(version: tuple[int, int], header: bytes) -> Header:
    """Parse a header, cached: numpy compiles each header, and a table has few different ones."""
    return HEADERS[version](io.BytesIO(header))


class Expected:
    """The arrays that a record may have, with the shapes that it determines."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.last = record.curve[-1].step if record.curve else None
        self.sets: dict[str, Any] = record.config["task"].get("evaluate", {})
        self.outputs = max(1, len(record.config["task"].get("labels", [])))

    def knows(self, name: str) -> bool:
        """True for a name that this record's arrays may have."""
        kind, _, rest = name.partition("/")
        if kind in ("logits", "predictions", "targets", "lengths"):
            return rest in self.record.examples
        if kind == "probe":
            return rest.partition("/")[0] in self.record.config["probe"]
        return name in ("losses", "subset")

    def unfit(self, name: str, shape: tuple[int, ...], kind: np.dtype[Any]) -> str | None:
        """The reason why the array ``name`` cannot have this shape and type; None if it can."""
        group, _, set_name = name.partition("/")
        size = math.prod(shape) * kind.itemsize
        if group == "losses":
            updates = self.record.diverged_at if self.record.status == DIVERGED else self.last
            return None if _is(shape, kind, "f", updates) else f"not a number for each of {updates} updates"
        if group == "logits":
            wanted = (self.evaluations(set_name), self.record.examples[set_name], self.outputs)
            return None if _is(shape, kind, "f", *wanted) else f"not floats of shape {wanted}"
        if size > LARGEST_FREE:
            return f"at most {LARGEST_FREE} bytes are read"
        if group == "predictions" and not (len(shape) > 1 and shape[0] == self.evaluations(set_name)):
            return f"not of {self.evaluations(set_name)} evaluations"
        if group in ("subset", "lengths"):
            examples = self.record.examples[set_name or "train"]
            return (
                None
                if _is(shape, kind, "iu", examples)
                else f"not a whole number for each of {examples} examples"
            )
        if group == "targets" and not (len(shape) == 1 and kind.kind in "iuf"):
            return "not one number per example"
        return None

    def evaluations(self, set_name: str) -> int:
        """The number of evaluations of a set: all in the curve, or only the last."""
        split = self.sets.get(set_name) or self.sets.get(set_name.rpartition("/")[0]) or {}
        return 1 if split.get("last_only") else len(self.record.curve)


def _is(shape: tuple[int, ...], kind: np.dtype[Any], letters: str, *wanted: int | None) -> bool:
    return shape == wanted and kind.kind in letters


def _apart(arrays: Mapping[str, np.ndarray]) -> str | None:
    """The first array that does not fit another one, in words; None if all do."""
    for name, array in arrays.items():
        group, _, set_name = name.partition("/")
        targets, lengths = (arrays.get(f"{kind}/{set_name}") for kind in ("targets", "lengths"))
        if group == "logits":
            if targets is None:
                return f"{name}: its targets are missing"
            if (why := _unfit(targets, array)) is not None:
                return f"targets/{set_name}: {why}"
            if not np.isfinite(array).all():
                return f"{name}: has values that are not numbers"
        if group == "predictions" and lengths is not None:  # predictions for words
            words = {int(lengths.sum()), array.shape[-1], -1 if targets is None else len(targets)}
            if len(words) > 1 or array.ndim != 2:
                return f"{name}: of shape {array.shape}, and the sentences have {lengths.sum()} words"
    return None


def _unfit(targets: np.ndarray, logits: np.ndarray) -> str | None:
    examples, outputs = logits.shape[1:]
    if targets.shape != (examples,):
        return f"of shape {targets.shape}, and the logits have {examples} examples"
    if outputs > 1 and len(targets) and not -1 <= targets.min() <= targets.max() < outputs:
        return f"from {targets.min()} to {targets.max()}, and the logits have {outputs} outputs"
    return None
