"""Comparison of two results of one run: every bit of the results, and the machines and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from benchmark.config.stored import of_another_run
from benchmark.records import arrays as record_arrays
from benchmark.records.reading import DamagedError, record_at
from benchmark.records.record import Record
from benchmark.records.seal import ARRAYS

# Fields of a record that are results: the others are times, memory, the command and the environment.
RESULT = ("status", "diverged_at", "collapsed", "examples", "scores", "curve")
SHOWN = 3  # differences named in a line, of each sort


@dataclass(frozen=True)
class Result:
    """A record and the path of its arrays, which are read when they are needed."""

    record: Record
    path: Path

    @classmethod
    def read(cls, folder: Path, run_id: str) -> Self:
        """The result in a run's folder.

        Raises: DamagedError, UnreadableError, VersionError, FileNotFoundError if there is none.
        """
        record = record_at(folder, run_id)
        if record is None:
            raise FileNotFoundError(f"{folder}: there is no record")
        return cls(record, folder / "arrays.npz")

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name. Raises: DamagedError, UnreadableError."""
        try:
            return record_arrays.read(self.path, self.record)
        except FileNotFoundError as error:
            raise DamagedError(f"there is no {self.path.name} in it") from error

    def check(self) -> None:
        """Read everything once. Raises: DamagedError, UnreadableError."""
        if of_another_run(self.record.config, self.record.run_id):
            raise DamagedError("its configuration belongs to another run")
        arrays = self.arrays()
        if not self.record.seal:  # without a seal, only the arrays can confirm the scores
            from benchmark.report.proof import unlike  # takes seconds to import, and only old records need it

            if (why := unlike(self.record, arrays)) is not None:
                raise DamagedError(why)


def of_results(first: Result, second: Result) -> list[str]:
    """The parts in which two results of a run differ by a bit; empty if they are the same.

    Raises: DamagedError, UnreadableError for arrays that have to be read and cannot.
    """
    mine, theirs = first.record, second.record
    differing = [*_of_scores(mine, theirs)]
    differing += [
        name for name in RESULT if name != "scores" and getattr(mine, name) != getattr(theirs, name)
    ]
    seals = [record.seal.get(ARRAYS) for record in (mine, theirs)]
    if seals[0] is None or seals[0] != seals[1]:
        differing += of_arrays(first.arrays(), second.arrays())
    return differing


def of_arrays(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> list[str]:
    """The names of arrays that differ in bits, type or shape, or are missing."""
    return sorted(name for name in {*first, *second} if _bits(first.get(name)) != _bits(second.get(name)))


def of_environments(first: Record, second: Record) -> list[str]:
    """The facts about machine, versions and code in which two records differ, with both values."""
    facts = dict(_facts(first.environment)), dict(_facts(second.environment))
    names = sorted({*facts[0], *facts[1]})
    return [
        f"{name} {facts[0].get(name)} / {facts[1].get(name)}"
        for name in names
        if facts[0].get(name) != facts[1].get(name)
    ]


def few(names: list[str]) -> str:
    """A list in a line, cut short."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _of_scores(first: Record, second: Record) -> Iterator[str]:
    for set_name in sorted({*first.scores, *second.scores}):
        mine, theirs = first.scores.get(set_name, {}), second.scores.get(set_name, {})
        for metric in sorted({*mine, *theirs}):
            if mine.get(metric) != theirs.get(metric):
                yield f"{set_name} {metric} {mine.get(metric)} / {theirs.get(metric)}"


def _bits(array: np.ndarray | None) -> Any:
    return None if array is None else (array.dtype, array.shape, array.tobytes())


def _facts(environment: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in environment.items():
        if isinstance(value, Mapping):
            yield from _facts(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
