"""The class that a target stands for: by its name, by its number, or by its position among the labels."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from benchmark.errors import nearest

NO_GOLD = -1  # the class of an example or word without a gold label
LABELS_SHOWN = 20
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")  # with digits of any script
MISSING = "null, or an empty field of a CSV file, stands for"


class UnfitError(Exception):
    """A value does not fit its task; the message completes a sentence that begins with the value."""


def coding(labels: list[str], names: list[str], ignored: Sequence[int]) -> Callable[[Any], int]:
    """Make the function from a target to its class; ``names`` are the file's names of its numbers.

    A number stands for the file's name if it has names, else for the label that spells it. Only if no label is
    a number, it is a position. Its function raises: UnfitError for a target that is not one of ``labels``.
    """
    numbers = {label: number for label in labels if (number := _spelt(label)) is not None}

    def by_name(name: str) -> int:
        if name in labels:
            return labels.index(name)
        if not name.strip():
            raise UnfitError(f"is an empty text; {MISSING} a missing label")
        raise UnfitError(f"is none of the labels{_nearest(name, labels)}")

    def coded(target: Any) -> int:
        if target is None:
            return NO_GOLD
        if isinstance(target, str):
            return by_name(target)
        said = None if names else _number(target)
        alike = [label for label, number in numbers.items() if number == said]
        if len(alike) == 1:
            return labels.index(alike[0])
        if alike:
            raise UnfitError(f"may be {' or '.join(map(repr, alike))}: write the label as a text")
        number = _whole(target)
        if number in ignored:
            return NO_GOLD
        if names and 0 <= number < len(names):
            if names[number] not in labels:
                raise UnfitError(
                    f"stands for {names[number]!r}, which is none of the labels{_nearest(names[number], labels)}"
                )
            return labels.index(names[number])
        if numbers and not names:
            raise UnfitError(
                f"is none of the labels, and no position either, because {next(iter(numbers))!r} is a label"
                f"{_nearest(number, labels)}"
            )
        if names or not 0 <= number < len(labels):
            raise UnfitError(f"is out of range (valid: {_valid(names or labels)})")
        return number

    return coded


def described(value: Any) -> str:
    """The form of a value in words."""
    if value is None:
        return "missing"
    if isinstance(value, float) and math.isnan(value):
        return "missing (NaN)"
    forms = {str: "a text", bool: "a truth value", int: "a number", float: "a number", bytes: "binary"}
    forms |= {list: "a list", dict: "a mapping"}
    return forms.get(type(value), f"of the type {type(value).__name__}")


def _spelt(label: str) -> Decimal | None:
    """The number that a label spells, such as 1 for ``01`` and ``1.0``; None for other labels."""
    if not NUMBER.fullmatch(label):  # a name, such as 2020_01, which `Decimal` would read
        return None
    number = Decimal(label)
    return number if number.is_finite() else None


def _number(target: Any) -> Decimal | None:
    """A number of a file as it is written: 0.1 is not the float next to it."""
    counts = isinstance(target, int | float | Decimal) and not isinstance(target, bool)
    return Decimal(str(target)) if counts else None


def _whole(target: Any) -> int:
    """A number without a fraction as an integer. Raises: UnfitError for anything else."""
    if isinstance(target, bool):
        raise UnfitError("is a truth value; name the label that it stands for with label_map")
    if isinstance(target, int):
        return target
    if isinstance(target, float | Decimal) and math.isfinite(target) and target == int(target):
        return int(target)
    if isinstance(target, float | Decimal):
        raise UnfitError(f"is not a whole number, and classes are; {MISSING} a missing label")
    raise UnfitError(f"is {described(target)}, and a label is wanted")


def _nearest(wrong: object, labels: list[str]) -> str:
    return nearest(wrong, labels[:LABELS_SHOWN])


def _valid(meanings: list[str]) -> str:
    shown = ", ".join(f"{number} = {name}" for number, name in enumerate(meanings[:LABELS_SHOWN]))
    return shown if len(meanings) <= LABELS_SHOWN else f"{shown}, … {len(meanings) - 1} = {meanings[-1]}"
