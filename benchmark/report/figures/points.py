"""Points of a figure: one row per run and place, as the table's layout declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmark.config.units import DRAWN_ALONG, has_panels
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.build import Report
from benchmark.report.numbers import quantities
from benchmark.report.numbers.frame import average_by_seed, columns_of, placed, score_in
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.published import AVERAGE
from benchmark.report.sections import VANILLA_LABEL

SCORES = ("score", "std", "max")
WITHIN = {axis for axes in DRAWN_ALONG.values() for axis in axes}  # axes within a run
COLUMN = ("task", "column")
NUMBERED = {"seed": "seed", "injection": "noise at layer"}


def points(grid: Grid, report: Report, records: Mapping[str, Record], arrays: Arrays) -> pd.DataFrame:
    """Columns ``quantity, panel, series, x, seed, y`` of the points, in the grid's order.

    ``x`` is a number, or text if the axis has no numbers on it.
    """
    layout = grid.table["layout"]
    quantities_shown = list(filter(has_panels, layout["panels"]))
    facets = [name for name in layout["panels"] if name not in quantities_shown]
    rows = []
    for quantity in quantities_shown or [layout["y"]]:
        for place, seed, y in _values(grid, report, records, arrays, quantity):
            series = [_shown_name(axis, place.get(axis, "")) for axis in layout["series"]]
            panel = [_shown_name(axis, place.get(axis, "")) for axis in facets]
            rows.append(
                {
                    "quantity": quantity,
                    "panel": " · ".join(name for name in (place["model_"], *panel) if name),
                    "series": " · ".join(name for name in series if name),
                    "x": place.get(layout["x"], layout["x_without"]),
                    "seed": seed,
                    "y": y,
                }
            )
    frame = pd.DataFrame(rows, columns=["quantity", "panel", "series", "x", "seed", "y"])
    if not frame["x"].map(lambda value: isinstance(value, int | float) or value is None).all():
        frame["x"] = frame["x"].map(_text)
    return frame.dropna(subset=["y"])


def _values(
    grid: Grid, report: Report, records: Mapping[str, Record], arrays: Arrays, quantity: str
) -> list[tuple[dict[str, Any], int, float]]:
    """Every value with its place on all axes and its seed: (place, seed, value)."""
    layout, labels = grid.table["layout"], report.labels
    several = report.frame["model"].nunique() > 1 and "model" not in (*layout["panels"], layout["x"])
    axes = {layout["x"], *layout["series"], *layout["panels"]}
    averaged = AVERAGE in set(report.numbers["task"]) and quantity in SCORES and layout["x"] not in WITHIN
    averaged = averaged and "task" not in axes
    values: list[tuple[dict[str, Any], int, float]] = []
    for (model, _, methods), arm in report.frame.groupby(["model", "variant", "methods"], sort=False):
        name = labels.get(str(model)) or str(model)
        names = {"model": name, "model_": name if several else "", "method": str(methods) or VANILLA_LABEL}
        place = _placed(grid, arm) | names
        if averaged:
            averaged_place = place | dict.fromkeys(COLUMN, AVERAGE)
            values += [(averaged_place, seed, y) for seed, y in average_by_seed(arm, report.rule).items()]
        if averaged and "column" not in axes:
            continue
        for row in arm.to_dict("records"):
            record = records.get(row["run_id"])
            if record is None or record.status != "finished":
                continue
            column = labels.get(row["task"]) or row["task"]
            run_place = place | dict.fromkeys(COLUMN, column) | {"seed": row["seed"]}
            within = _run_points(grid, row, record, arrays, quantity, layout["x"])
            values += [(run_place | inner, row["seed"], y) for inner, y in within]
    return values


def _run_points(
    grid: Grid, row: dict[str, Any], record: Record, arrays: Arrays, quantity: str, x: str
) -> list[quantities.Point]:
    config = grid.runs[row["run"]].config
    if quantity not in SCORES:
        stored = arrays(row["run_id"]) if quantities.names_read(quantity) else {}
        return quantities.points(quantity, record, config, stored)
    if x != "step":
        return [({}, row["score"])]
    report, minus = next((r, m) for name, r, m in columns_of(grid, config) if name == row["task"])
    return [
        ({"step": entry.step}, 100 * score_in(entry.scores, config, report, minus)) for entry in record.curve
    ]


def _placed(grid: Grid, arm: pd.DataFrame) -> dict[str, Any]:
    """Values of an arm on the axes of the grid, as numbers where possible."""
    place = placed(grid.runs[int(arm["run"].iloc[0])])
    return {axis: _number(text) for axis, text in place.items() if text != "null"}


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def _shown_name(axis: str, value: Any) -> str:
    """The text of a value in the name of a panel or a series.

    Bare numbers get a noun before them.
    """
    return f"{NUMBERED[axis]} {_text(value)}" if axis in NUMBERED else _text(value)


def numeric(values: pd.Series) -> bool:
    """True if all values of an axis are numbers."""
    return bool(len(values)) and all(isinstance(value, int | float | np.number) for value in values)
