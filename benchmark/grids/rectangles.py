"""Rectangles of a grid: axes with values, as declared or as changed by a user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override, Sweep

from benchmark.errors import BenchmarkError

Axes = dict[str, list[str]]


def axes(overrides: Iterable[str]) -> Axes:
    """The values of every override, in Hydra's sweep syntax (``1,2``, ``range(1,6)``, ``[],[noisytune]``).

    Raises: BenchmarkError for an axis without values, with a pattern (``glob(*)``) instead of values, or with a
    range among other values.
    """
    values_by_key = {}
    for override in overrides:
        key, values = _axis(override)
        values_by_key[key] = list(values)
    return values_by_key


@cache
def _axis(text: str) -> tuple[str, tuple[str, ...]]:
    """The key and the values of an override; cached, since the rectangles of a grid share most axes."""
    [override] = OverridesParser.create().parse_overrides([text])
    key = override.get_key_element()
    if isinstance(override.value(), Glob):
        raise BenchmarkError(f"{override.input_line}: name the values themselves, as in {key}=ONE,OTHER")
    if _is_mixed(override.value()):
        raise BenchmarkError(
            f"{override.input_line}: no list of values; valid: a range alone, {key}=range(1,4), or values with "
            f"commas, {key}=ONE,OTHER"
        )
    values = tuple(value.split("=", 1)[1] for value in _single_values(override))
    if not values:
        raise BenchmarkError(f"{override.input_line}: names no value")
    return key, values


def _is_mixed(value: Any) -> bool:
    """True for an interval, or for a range or a choice within other values."""
    inner = value.list if isinstance(value, ChoiceSweep) else value
    inner = list(inner.values()) if isinstance(inner, dict) else inner
    parts = inner if isinstance(inner, list) else []
    return isinstance(value, IntervalSweep) or any(
        isinstance(part, Sweep | Glob) or _is_mixed(part) for part in parts
    )


def _single_values(override: Override) -> list[str]:
    key = override.get_key_element()
    if override.is_sweep_override():
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    return [f"{key}={override.get_value_element_as_str()}"]


def declared(params: Mapping[str, object], others: Sequence[Mapping[str, object]]) -> list[Axes]:
    """The rectangles that a sweep file declares, the sweeper's first.

    ``others`` are from ``table.grids``: each is the sweeper's with some axes changed. None leaves an axis out.
    """
    return [
        axes(
            f"{key}={values}" for key, values in (dict(params) | dict(changes)).items() if values is not None
        )
        for changes in ({}, *others)
    ]


def narrowed(grid: Sequence[Axes], changes: Axes) -> list[Axes]:
    """``grid`` with a user's changes, without the rectangles that become empty.

    If all rectangles agree on an axis, or none has it, each takes all requested values. If they differ, each
    keeps the requested values it has. A rectangle without the axis is dropped, unless the axis is a method's
    hyper-parameter, which runs of other methods cannot have. A value that no rectangle declares is added to
    the first rectangle with the axis.
    """
    rectangles = [dict(rectangle) for rectangle in grid]
    for key, values in changes.items():
        rectangles = _with_axis(rectangles, key, values)
    return rectangles


def _with_axis(grid: list[Axes], key: str, values: list[str]) -> list[Axes]:
    stated = [rectangle[key] for rectangle in grid if key in rectangle]
    if not stated or all(rectangle.get(key) == stated[0] for rectangle in grid):
        return [rectangle | {key: values} for rectangle in grid]
    new = [value for value in values if not any(value in declared for declared in stated)]
    rectangles = []
    for rectangle in grid:
        if key not in rectangle:
            if key.startswith("method."):
                rectangles.append(rectangle)
            continue
        left = [value for value in values if value in rectangle[key]] + new
        new = []
        if left:
            rectangles.append(rectangle | {key: left})
    return rectangles


def merged(grid: Sequence[Axes]) -> Axes:
    """All axes of a grid, each with its values over all rectangles."""
    keys = dict.fromkeys(key for rectangle in grid for key in rectangle)
    return {key: list(dict.fromkeys(v for rectangle in grid for v in rectangle.get(key, ()))) for key in keys}
