"""The points of a figure: one row per run and place, taken from the runs of a table as its layout says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.build import Table
from benchmark.report.numbers import quantities
from benchmark.report.numbers.frame import average_by_seed, columns_of, placed, score_in
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.published import AVERAGE
from benchmark.report.sections import PLAIN

SCORES = ("score", "std", "max")
WITHIN = ("step", "layer", "parameter", "probed", "injection", "sensitivity")  # axes within a run
COLUMN = ("task", "column")
NUMBERED = {"seed": "seed", "injection": "noise at layer"}


def points(grid: Grid, table: Table, records: Mapping[str, Record], arrays: Arrays) -> pd.DataFrame:
    """Columns ``quantity, panel, series, x, seed, y``: what is drawn, in the order of the grid.

    ``x`` is a number, or text where the axis has no numbers on it.
    """
    layout = grid.table["layout"]
    shown = [one for one in layout["panels"] if one in ("score", "loss") or one.startswith("probe/")]
    facets = [one for one in layout["panels"] if one not in shown]
    rows = []
    for quantity in shown or [layout["y"]]:
        for at, seed, y in _values(grid, table, records, arrays, quantity):
            series = [_called(axis, at.get(axis, "")) for axis in layout["series"]]
            panel = [_called(axis, at.get(axis, "")) for axis in facets]
            rows.append(
                {
                    "quantity": quantity,
                    "panel": " · ".join(one for one in (at["model_"], *panel) if one),
                    "series": " · ".join(one for one in series if one),
                    "x": at.get(layout["x"], layout["x_without"]),
                    "seed": seed,
                    "y": y,
                }
            )
    found = pd.DataFrame(rows, columns=["quantity", "panel", "series", "x", "seed", "y"])
    if not found["x"].map(lambda one: isinstance(one, int | float) or one is None).all():
        found["x"] = found["x"].map(_text)
    return found.dropna(subset=["y"])


def _values(
    grid: Grid, table: Table, records: Mapping[str, Record], arrays: Arrays, quantity: str
) -> list[tuple[dict[str, Any], int, float]]:
    """Where every value stands on all axes, its seed, and the value."""
    layout, labels = grid.table["layout"], table.labels
    several = table.frame["model"].nunique() > 1 and "model" not in (*layout["panels"], layout["x"])
    axes = {layout["x"], *layout["series"], *layout["panels"]}
    averaged = AVERAGE in set(table.numbers["task"]) and quantity in SCORES and layout["x"] not in WITHIN
    averaged = averaged and "task" not in axes
    found = []
    for (model, _, methods), arm in table.frame.groupby(["model", "variant", "methods"], sort=False):
        name = labels.get(str(model)) or str(model)
        own = {"model": name, "model_": name if several else "", "method": str(methods) or PLAIN}
        at = _placed(grid, arm) | own
        if averaged:
            place = at | dict.fromkeys(COLUMN, AVERAGE)
            found += [(place, seed, y) for seed, y in average_by_seed(arm, table.rule).items()]
        if averaged and "column" not in axes:
            continue
        for row in arm.to_dict("records"):
            record = records.get(row["run_id"])
            if record is None or record.status != "finished":
                continue
            here = at | dict.fromkeys(COLUMN, labels.get(row["task"]) or row["task"]) | {"seed": row["seed"]}
            within = _of_run(grid, row, record, arrays, quantity, layout["x"])
            found += [(here | inner, row["seed"], y) for inner, y in within]
    return found


def _of_run(
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
    """Where the runs of an arm stand on the axes of the grid, as numbers where they are numbers."""
    at = placed(grid.runs[int(arm["run"].iloc[0])])
    return {axis: _number(text) for axis, text in at.items() if text != "null"}


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def _called(axis: str, value: Any) -> str:
    """A value as a panel or a series is called: bare numbers say what they are of."""
    return f"{NUMBERED[axis]} {_text(value)}" if axis in NUMBERED else _text(value)


def numeric(values: pd.Series) -> bool:
    """Whether an axis has numbers on it."""
    return bool(len(values)) and all(isinstance(one, int | float | np.number) for one in values)
