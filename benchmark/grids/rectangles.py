"""Rectangles of a grid: axes with values, as declared or as changed by a user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from benchmark.errors import BenchmarkError, hint

Axes = dict[str, list[str]]
OF_CHOICES = ("method", "probe")  # groups whose settings are of the runs that chose them
SEED = "seed"
NAME = re.compile(r"\w+")


class Axis(str):
    """The name of an axis: a key without the ``+`` or ``++`` of its override.

    They are kept as ``sign``, so that ``KEY``, ``+KEY`` and ``++KEY`` are one axis.
    """

    sign = ""


def override_of(key: str, value: str) -> str:
    """The override that sets an axis to a value, with the axis's sign."""
    return f"{getattr(key, 'sign', '')}{key}={value}"


def axes(overrides: Iterable[str]) -> Axes:
    """The values of every override, in Hydra's sweep syntax (``1,2``, ``range(1,6)``, ``[],[noisytune]``).

    Raises: BenchmarkError for an axis without values, or with something else that cannot be listed.
    """
    values_by_key: Axes = {}
    for override in overrides:
        sign, key, values = _axis(override)
        axis = Axis(key)
        axis.sign = sign
        values_by_key[axis] = list(values)
    return values_by_key


@cache
def _axis(text: str) -> tuple[str, str, tuple[str, ...]]:
    """The sign, key and values of an override; cached, since the rectangles of a grid share most axes."""
    try:
        [override] = OverridesParser.create().parse_overrides([text])
        whole_key = override.get_key_element()
        key = whole_key.lstrip("+")
        value = override.value()
        if any(
            isinstance(part, Glob) for part in (value.list if isinstance(value, ChoiceSweep) else [value])
        ):
            raise BenchmarkError(f"{text}: name the values themselves, as in {key}=ONE,OTHER")
        values = tuple(value.split("=", 1)[1] for value in _single_values(override))
    except OverrideParseException:
        raise  # it names the override and the place
    except (HydraException, OmegaConfBaseException, ValueError) as error:  # ValueError: range(1,9,0)
        key = text.partition("=")[0].lstrip("+")
        raise BenchmarkError(
            f"{text}: no list of values; valid are {key}=ONE,OTHER or {key}=range(FROM,BELOW,STEP), without "
            "one within the other, and a STEP that is not 0"
        ) from error
    if not values:
        raise BenchmarkError(f"{text}: names no value")
    # Keys without a dot are always there, and Hydra adds no key that is there.
    return whole_key.removesuffix(key) if "." in key else "", key, values


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
    keeps the requested values it has. A rectangle without the axis is dropped, unless the axis is a setting of
    a method or probe, which is for the runs that have it. A value that no rectangle declares is added to
    the first rectangle with the axis.

    Raises: BenchmarkError for ``~KEY`` of an axis, or a setting of a method or probe that no run has.
    """
    rectangles = [dict(rectangle) for rectangle in grid]
    for key, values in changes.items():
        rectangles = _with_axis(rectangles, key, values)
    for group in OF_CHOICES:
        whole = rectangles
        rectangles = [part for rectangle in whole for part in _by_settings(rectangle, group)]
        for key in changes:
            if _is_setting(key, group) and not any(key in rectangle for rectangle in rectangles):
                raise _of_no_run(group, override_of(key, ",".join(changes[key])), whole)
    return rectangles


def _by_settings(rectangle: Axes, group: str) -> list[Axes]:
    """The parts of a rectangle in which all choices of ``group`` have the same settings as axes."""
    settings = [key for key in rectangle if _is_setting(key, group)]
    # `+method.mine={…}` is a method of every run.
    added = [key.removeprefix(f"{group}.") for key in rectangle]
    if group not in rectangle or not settings:
        return [rectangle]
    parts: dict[tuple[str, ...], list[str]] = {}
    for choice in rectangle[group]:
        names = [*NAME.findall(choice), *added]
        others = tuple(key for key in settings if key.split(".")[1] not in names)
        parts.setdefault(others, []).append(choice)
    return [
        {key: values for key, values in (rectangle | {group: choices}).items() if key not in others}
        for others, choices in parts.items()
    ]


def _is_setting(key: str, group: str) -> bool:
    """True for the key of a setting of one choice of ``group``, such as ``method.noisytune.intensity``."""
    return key.startswith(f"{group}.") and key.count(".") > 1


def _of_no_run(group: str, change: str, grid: Sequence[Axes]) -> BenchmarkError:
    name = change.partition("=")[0].split(".")[1]
    choices = merged(grid)[group]
    near = hint(name, NAME.findall(" ".join(choices)))
    return BenchmarkError(
        f"{change}: no run has the {group} {name!r}{near} (the runs have {group}={','.join(choices)})"
    )


def _with_axis(grid: list[Axes], key: str, values: list[str]) -> list[Axes]:
    axis = key.removeprefix("~")
    if axis != key and any(axis == SEED or axis in rectangle for rectangle in grid):
        raise BenchmarkError(f"{key}: an axis of the grid; name the values to keep, as in {axis}=VALUE")
    stated = [rectangle[key] for rectangle in grid if key in rectangle]
    if not stated or all(rectangle.get(key) == stated[0] for rectangle in grid):
        return [rectangle | {key: values} for rectangle in grid]
    new = [value for value in values if not any(value in declared for declared in stated)]
    rectangles = []
    for rectangle in grid:
        if key not in rectangle:
            if any(_is_setting(key, group) for group in OF_CHOICES):
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
