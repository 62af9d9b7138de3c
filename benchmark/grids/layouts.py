"""Checks of a table's layout: its axes and quantities must be there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.config.table import KINDS, SHOWN, STATISTICS
from benchmark.config.units import BINNED, DRAWN_ALONG, OF_PROBES, PROBE, has_panels
from benchmark.errors import BenchmarkError, unknown
from benchmark.grids.selectors import Rectangle

COLUMN = "column"
OF_ALL_RUNS = ("model", "method", "task")  # axes on which every run has a place, stated or not


def check_layout(layout: dict[str, Any], grid: Sequence[Rectangle], place: str) -> None:
    """Refuse axes that the grid lacks, and quantities that no figure shows.

    Raises: BenchmarkError naming the key of the layout, and the valid axes.
    """
    _check("kind of layout", [layout["kind"]], KINDS, place)
    _check("statistic", layout["statistic"], STATISTICS, place)
    if not layout["statistic"]:
        raise BenchmarkError(f"{place}, layout.statistic: names none; valid: {', '.join(STATISTICS)}")
    shown = list(filter(has_panels, layout["panels"]))
    for quantity in shown or [layout["y"]]:
        _check_quantity(quantity, f"{place}, layout.{'panels' if shown else 'y'}")
    stated = dict.fromkeys((*OF_ALL_RUNS, *(key for axes in grid for key in axes)))
    _check("axis", layout["rows"], [key for key in stated if key != "seed"], f"{place}, layout.rows")
    along = [DRAWN_ALONG.get(quantity, ()) for quantity in shown or [layout["y"]]]
    within = [axis for axis in along[0] if all(axis in others for others in along)]
    axes = list(dict.fromkeys((*stated, "seed", COLUMN, *within)))
    _check("axis", layout["series"], axes, f"{place}, layout.series")
    others = [name for name in layout["panels"] if name not in shown]
    _check("axis", others, [*axes, *filter(has_panels, SHOWN), f"{PROBE}NAME"], f"{place}, layout.panels")
    _check("axis", [layout["x"]], axes, f"{place}, layout.x")
    if layout["kind"] == "histogram" and layout["x"] not in BINNED:
        raise BenchmarkError(
            f"{place}, layout.x={layout['x']}: a histogram shows counts; valid: x: sensitivity with y: probe/sensitivity"
        )
    if layout["kind"] == "lines" and layout["x"] == COLUMN:  # the default
        axes.remove(COLUMN)
        raise BenchmarkError(
            f"{place}, layout.x={COLUMN}: lines join the values of an axis; valid: {', '.join(axes)}"
        )


def _check_quantity(name: str, place: str) -> None:
    probe, _, array = name.removeprefix(PROBE).partition("/")
    arrays = [quantity for quantity in OF_PROBES if quantity.startswith(f"{PROBE}{probe}/")]
    free = name.startswith(PROBE) and array and not arrays  # of a user's own probe, or a task's name
    drawn = [quantity for quantity in DRAWN_ALONG if quantity.startswith(PROBE)]
    if not free:
        _check("quantity", [name], [*SHOWN, *drawn, *(arrays or OF_PROBES)], place)


def _check(kind: str, names: Sequence[str], valid: Sequence[str], place: str) -> None:
    for name in names:
        if name not in valid:
            raise unknown(kind, name, valid, place)
