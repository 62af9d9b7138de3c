"""Checks of a target that is numbers, or looks like some."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from benchmark.data.typed import among_numbers, has_comma
from benchmark.errors import BenchmarkError
from benchmark.tasks.coding import MISSING


def check_no_numbers(target: str, values: Sequence[Any]) -> None:
    """Refuse numbers in a spelling that is not read as a number.

    Raises: BenchmarkError naming one of the values.
    """
    if all(map(has_comma, values)):
        raise BenchmarkError(
            f"the target {target!r} has decimal commas, such as {values[0]!r}: write numbers with a point"
        )
    if (odd := among_numbers(values)) is not None:
        raise BenchmarkError(
            f"the target {target!r} has {values[odd]!r} among numbers; {MISSING} a missing one"
        )


def check_finite(target: str, values: Sequence[Any]) -> None:
    """Refuse an infinite value among numbers. Raises: BenchmarkError."""
    try:
        infinite = {value: math.isinf(float(value)) for value in values}
    except (TypeError, ValueError, OverflowError):  # a word, or a whole number that no float holds
        return
    if any(infinite.values()) and not all(infinite.values()):
        odd = next(value for value, is_infinite in infinite.items() if is_infinite)
        raise BenchmarkError(f"the target {target!r} has {odd!r} among numbers; {MISSING} a missing one")


def check_different(target: str, values: Collection[Any]) -> None:
    """Refuse a score that is the same in all rows. Raises: BenchmarkError."""
    if len(values) < 2:
        raise BenchmarkError(
            f"the target {target!r} is {next(iter(values))} in every row of the training split, so that nothing is learnt; "
            "name another column with --target"
        )
