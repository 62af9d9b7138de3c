"""The rows of a split that a task uses, with their numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Self

import numpy as np
from datasets import ClassLabel, Dataset

from benchmark.config.schema import SplitConfig, TaskConfig
from benchmark.config.splits import place_of
from benchmark.errors import BenchmarkError, hint

UNTRANSLATED = "NS"
LABEL_MAP = "label_map"  # a reason to leave out rows
LONGEST = 80  # characters of a value in a message


@dataclass(frozen=True)
class Rows:
    """Chosen rows of a split of the task named ``task``; ``place`` is the split's name in messages.

    ``numbers`` (rows,) are their numbers in the split, from 0. ``left_out`` counts the other rows by reason.
    """

    task: str
    place: str
    data: Dataset
    numbers: np.ndarray
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.data)

    def column(self, name: str) -> list[Any]:
        """The values of a column."""
        return list(self.data[name][:])

    def without(self, dropped: Iterable[bool], reason: str) -> Self:
        """Leave out rows by a mask (rows,), and count them under ``reason``."""
        kept = np.flatnonzero(~np.fromiter(dropped, bool, len(self)))
        if len(kept) == len(self):
            return self
        return replace(
            self,
            data=self.data.select(kept),
            numbers=self.numbers[kept],
            left_out={**self.left_out, reason: len(self) - len(kept)},
        )

    def refusal(self, column: str, row: int, value: Any, fault: str) -> BenchmarkError:
        """The error for ``value`` in the ``row``-th of these rows; ``fault`` ends the sentence."""
        shown = repr(value)
        shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
        return BenchmarkError(
            f"task {self.task!r}: {self.place}, column {column!r}, row {self.numbers[row]} (from 0): {shown} {fault}"
        )


def chosen(task: TaskConfig, split: SplitConfig, data: Dataset) -> Rows:
    """Choose the rows that ``split`` asks for.

    Rows without a target are never dropped by ``label_map``.
    Raises: BenchmarkError if no row fits.
    """
    place = place_of(split)
    rows = Rows(task.name, place, data, np.arange(len(data)))
    for column, pattern in split.rows.items():
        values = rows.column(column)
        rows = rows.without((not fnmatchcase(str(value), pattern) for value in values), "rows")
        if not len(rows):
            present = sorted({re.split(r"[^\w]", str(value))[0] for value in values})[:20]
            raise BenchmarkError(
                f"task {task.name!r}: no row of {place} has {column} like {pattern!r} (it has {', '.join(present)})"
            )
    if task.drop_untranslated:
        texts = zip(*(rows.column(field) for field in split.text or task.text), strict=True)
        rows = rows.without((UNTRANSLATED in row for row in texts), "untranslated")
    if split.label_map:
        target = split.target or task.target
        said = spelt(rows, target, split.label_map)
        rows = rows.without((value is not None and value not in split.label_map for value in said), LABEL_MAP)
        if not len(rows):
            present = sorted({text for text in said if text is not None})
            has, meant = ", ".join(present[:20]), hint(next(iter(split.label_map)), present)
            raise BenchmarkError(
                f"task {task.name!r}: no row of {place} has one of the targets "
                f"{', '.join(split.label_map)} in {target!r} (it has {has}){meant}"
            )
    return rows


def spelt(rows: Rows, target: str, label_map: Mapping[str, str]) -> list[str | None]:
    """Every target as ``label_map`` may spell it: the file's name of its class, else the value as text."""
    feature = rows.data.features[target]
    names = feature.names if isinstance(feature, ClassLabel) else []

    def spelling(value: Any) -> str | None:
        if value is None:
            return None
        if names and 0 <= value < len(names) and names[value] in label_map:
            return str(names[value])
        ways = _spellings(value)
        return next((said for said in ways if said in label_map), ways[0])

    return [spelling(value) for value in rows.column(target)]


def _spellings(value: Any) -> list[str]:
    """The ways to write a value in a ``label_map``, the plainest first."""
    if isinstance(value, bool):
        return [str(value), str(value).lower()]  # the spellings of Python, and of YAML and JSON
    if isinstance(value, int | float | Decimal) and math.isfinite(value) and value == int(value):
        return [str(int(value)), f"{int(value)}.0", str(value)]
    return [str(value)]
