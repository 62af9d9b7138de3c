"""Columns of text with the type that all their values have."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow

# ``01``, ``1_000`` and what no float can hold are names: written again as numbers, they would be others.
WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?nan", re.IGNORECASE)
NAME = re.compile(r"[-+]?(0[0-9].*|[0-9]{16,})")


def typed(values: Sequence[str]) -> pyarrow.Array:
    """A column as int64, float64 or string, whichever keeps every value; an empty field is a missing value."""
    stated = {value for value in values if value}
    if stated and all(WHOLE.fullmatch(value) for value in stated):
        return pyarrow.array([int(value) if value else None for value in values], pyarrow.int64())
    if stated and all(DECIMAL.fullmatch(value) and not NAME.fullmatch(value) for value in stated):
        numbers = [float(value) if value else None for value in values]
        return pyarrow.array(numbers, pyarrow.float64(), from_pandas=False)
    return pyarrow.array([value or None for value in values], pyarrow.string())
