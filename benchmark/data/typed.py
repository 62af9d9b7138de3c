"""Columns of text with the type that all their values have."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

import pyarrow

# ``01``, ``1_000`` and what no float can hold are names: written again as numbers, they would be others.
WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?nan", re.IGNORECASE)
NAME = re.compile(r"[-+]?(0[0-9].*|[0-9]{16,})")


def typed(values: Sequence[str], names: Container[str] = ()) -> pyarrow.Array:
    """A column as int64, float64 or string, whichever keeps every value; an empty field is a missing value.

    It is string if all values are ``names``: the class ``1.10`` is not 1.1.
    """
    stated = {value for value in values if value}
    if all(value in names for value in stated):
        return _texts(values)
    if all(WHOLE.fullmatch(value) for value in stated):
        return pyarrow.array([int(value) if value else None for value in values], pyarrow.int64())
    if all(DECIMAL.fullmatch(value) and not NAME.fullmatch(value) for value in stated):
        numbers = [float(value) if value else None for value in values]
        return pyarrow.array(numbers, pyarrow.float64(), from_pandas=False)
    return _texts(values)


def _texts(values: Sequence[str]) -> pyarrow.Array:
    return pyarrow.array([value or None for value in values], pyarrow.string())
