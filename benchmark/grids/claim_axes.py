"""Axes of trends and optima in a declared grid, and positions on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.config.claim_kinds import DATA_SIZE, DIRECTIONS, ENDS, SCALES, WITHIN_A_RUN
from benchmark.config.units import AXES_WITHIN
from benchmark.errors import BenchmarkError, unknown
from benchmark.grids.claim_sides import has_all, seeds_by_arm
from benchmark.grids.selectors import Rectangle, parsed, values_of


def check_trend(
    claim: Mapping[str, Any], table: Mapping[str, Any], grid: Sequence[Rectangle], place: str
) -> None:
    """Refuse a trend over an axis without two positions, or with values that have none.

    Raises: BenchmarkError.
    """
    trend = claim["trend"]
    _check_name("direction", trend["direction"], DIRECTIONS, place)
    _check_name("scale", trend["scale"], SCALES, place)
    if trend["over"] == DATA_SIZE:
        columns = claim["where"] if isinstance(claim["where"], list) else columns_of(table, grid)
        if isinstance(claim["where"], int) or claim["where"] in ("average", *table["averages"]):
            raise BenchmarkError(
                f"{place}: a trend over {DATA_SIZE} goes over columns, so where: {claim['where']} has no place in "
                f"it; valid: every column, or a list of them"
            )
        if len(columns) < 2:
            raise BenchmarkError(
                f"{place}: a trend over {DATA_SIZE} needs two columns; got {', '.join(columns)}"
            )
        return
    if trend["over"] in WITHIN_A_RUN:
        _check_within(trend["over"], claim["of"], place)
        return
    check_axis(trend["over"], table, grid, place)
    check_claimed(claim, trend["over"], grid, place)
    if trend["at"] and len(trend["at"]) != len(trend["values"]):
        raise BenchmarkError(
            f"{place}: at has {len(trend['at'])} positions for {len(trend['values'])} values of {trend['over']}; "
            f"give one for each"
        )
    check_values(trend["over"], trend["values"], grid, place)
    positions = trend["at"] or positions_of(claim, trend["over"], trend["values"], table, grid, place)
    if len(set(positions)) < 2:
        raise BenchmarkError(
            f"{place}: a trend over {trend['over']} needs two different positions; got {_texts(positions)}"
        )
    if trend["scale"] == "log" and min(positions) <= 0:
        raise BenchmarkError(
            f"{place}: {trend['over']} has the position {min(positions):g}, which has no logarithm; valid: "
            f"scale: linear, or values above 0"
        )


def check_optimum(
    claim: Mapping[str, Any], table: Mapping[str, Any], grid: Sequence[Rectangle], place: str
) -> None:
    """Refuse an optimum whose values do not lie between others of the axis.

    Raises: BenchmarkError.
    """
    optimum = claim["optimum"]
    over, best = optimum["over"], optimum["values"]
    _check_name("best", optimum["best"], ENDS, place)
    check_axis(over, table, grid, place)
    check_claimed(claim, over, grid, place)
    positions = positions_of(claim, over, [], table, grid, place)
    for value in best:
        if value not in positions:
            raise unknown(over, value, [f"{position:g}" for position in positions], place)
    inside = [position for position in positions if best and min(best) <= position <= max(best)]
    if not best or sorted(inside) != sorted(best) or len(inside) == len(positions):
        raise BenchmarkError(f"{place}: {_needed(over, best, positions)}")
    if min(best) == min(positions) or max(best) == max(positions):
        raise BenchmarkError(f"{place}: {_needed(over, best, positions)}")


def check_axis(axis: str, table: Mapping[str, Any], grid: Sequence[Rectangle], place: str) -> None:
    """Refuse an axis that is not there, has one value or is searched. Raises: BenchmarkError."""
    keys = list(dict.fromkeys(key for axes in grid for key in axes))
    if axis not in keys or axis == "seed":
        raise unknown(
            "axis", axis, [*(key for key in keys if key != "seed"), DATA_SIZE, *WITHIN_A_RUN], place
        )
    if axis in table["search"]:
        raise BenchmarkError(f"{place}: {axis} is searched over, so that only its best value is reported")
    if len(values := values_of(axis, grid)) < 2:
        raise BenchmarkError(f"{place}: the axis {axis} has one value, {values[0]}; two or more are needed")


def check_claimed(claim: Mapping[str, Any], axis: str, grid: Sequence[Rectangle], place: str) -> None:
    """Refuse an axis on which a claim's runs all have one place. Raises: BenchmarkError.

    Runs that do not state the values that the claim names are not judged here.
    """
    claimed = [dict(arm) for arm in seeds_by_arm(grid) if has_all(claim["runs"], dict(arm))]
    places = list(dict.fromkeys(arm.get(axis, "none") for arm in claimed))
    if len(places) == 1:
        raise BenchmarkError(
            f"{place}: its runs have one value of {axis}, {places[0]}; two or more are needed; valid: "
            f"{', '.join(values_of(axis, grid))}"
        )


def check_values(axis: str, wanted: Sequence[Any], grid: Sequence[Rectangle], place: str) -> None:
    """Refuse values that an axis does not have. Raises: BenchmarkError with the nearest one."""
    texts = values_of(axis, grid)
    declared = [parsed(axis, text) for text in texts]
    for value in wanted:
        if value not in declared:
            raise unknown(axis, value, texts, place)


def positions_of(
    claim: Mapping[str, Any],
    axis: str,
    wanted: Sequence[Any],
    table: Mapping[str, Any],
    grid: Sequence[Rectangle],
    place: str,
) -> list[float]:
    """The positions of an axis's values (or ``wanted`` ones), and of runs without it.

    Raises: BenchmarkError for a value without a position.
    """
    x_without = table["layout"]["x_without"] if table["layout"]["x"] == axis else None
    arms = [dict(arm) for arm in seeds_by_arm(grid)]
    without = any(has_all(claim["runs"], arm) and axis not in arm for arm in arms)
    positions = [] if x_without is None or wanted or not without else [float(x_without)]
    for text in values_of(axis, grid):
        value = parsed(axis, text)
        if wanted and value not in wanted:
            continue
        if value is None and x_without is not None:
            positions.append(float(x_without))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            positions.append(float(value))
        else:
            raise BenchmarkError(
                f"{place}: {axis}={text} is not a number; name the `values` of a trend and their positions, `at`"
                + (", or give the layout's x_without" if value is None else "")
            )
    return list(dict.fromkeys(positions))


def columns_of(table: Mapping[str, Any], grid: Sequence[Rectangle]) -> list[str]:
    """The columns of a table: those that it declares, or its tasks."""
    return list(table["columns"]) or values_of("task", grid)


def _check_within(axis: str, quantity: str, place: str) -> None:
    axes = AXES_WITHIN.get(quantity, ())
    if axis not in axes:
        having = [name for name, inner in AXES_WITHIN.items() if axis in inner]
        raise BenchmarkError(
            f"{place}: {quantity} has no axis {axis!r} within a run; valid: {', '.join(axes) or 'none'}; "
            f"{axis} is of {', '.join(having)}"
        )


def _check_name(kind: str, name: str, valid: Sequence[str], place: str) -> None:
    if name not in valid:
        raise unknown(kind, name, valid, place)


def _needed(axis: str, best: Sequence[float], positions: Sequence[float]) -> str:
    return (
        f"an optimum at {_texts(best)} needs smaller and larger values of {axis}, and none between; valid: "
        f"{_texts(sorted(positions))} without the first and the last"
    )


def _texts(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "none"
