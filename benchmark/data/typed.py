"""Conversion of text columns to the type that all their values have."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Any

import pyarrow

# ``01``, ``1_000`` and numbers that no float can hold stay names: as numbers they would be written
# differently.
WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?nan", re.IGNORECASE)
COMMA = re.compile(r"[-+]?[0-9][0-9.]*,[0-9]+")
NAME = re.compile(r"[-+]?(0[0-9].*|[0-9]{16,})")


def typed(values: Sequence[str], names: Container[str] = ()) -> pyarrow.Array:
    """A column as int64, float64 or string, the first that keeps every value.

    An empty field is a missing value. It is string if all values are ``names``, or if one of these would be
    spelt differently as a number: the class ``1.10`` is not 1.1.
    """
    stated = {value for value in values if value}
    if all(value in names for value in stated):
        return _texts(values)
    if all(WHOLE.fullmatch(value) for value in stated):
        return pyarrow.array([int(value) if value else None for value in values], pyarrow.int64())
    if all(map(is_number, stated)) and all(_plain(value) == value for value in stated if value in names):
        numbers = [float(value) if value else None for value in values]
        return pyarrow.array(numbers, pyarrow.float64(), from_pandas=False)
    return _texts(values)


def is_number(text: str) -> bool:
    """True for a text that a float holds as it is written."""
    return DECIMAL.fullmatch(text) is not None and NAME.fullmatch(text) is None


def _plain(text: str) -> str:
    """The plainest spelling of a number."""
    number = float(text)
    return str(int(number)) if number.is_integer() else str(number)


def has_comma(text: str) -> bool:
    """True for a number with a comma where a point is wanted."""
    return COMMA.fullmatch(text) is not None


def among_numbers(values: Sequence[Any]) -> int | None:
    """The place of the first word among numbers written as text. None without such."""
    words = [row for row, value in enumerate(values) if isinstance(value, str) and not is_number(value)]
    texts = sum(isinstance(value, str) for value in values)
    return words[0] if words and len(words) < texts / 2 else None


def _texts(values: Sequence[str]) -> pyarrow.Array:
    return pyarrow.array([value or None for value in values], pyarrow.string())
