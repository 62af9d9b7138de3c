"""Gain of each method over plain fine-tuning, with its interval: a figure of every table."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from benchmark.report.figures.drawing import BLUE, ROW, Drawing, around_zero, room_for, with_interval

TITLE = "Difference to plain fine-tuning, in percentage points, with 95 % intervals over seeds"
PLOT, NUMBERS = 360, 180  # pixels: widths of the axis, and of the numbers beside it
Row = tuple[str, float, float, float]  # name, mean, low and high


def differences(numbers: pd.DataFrame, labels: dict[str, str]) -> str:
    """The paired differences of a table as SVG; '' if there are none.

    Each is a point with its 95 % interval.
    """
    shown = numbers[(numbers["methods"] != "") & (numbers["difference_n"] > 0)]
    if shown.empty:
        return ""
    many_models = shown["model"].nunique() > 1 or shown["variant"].nunique() > 1
    names = [
        " · ".join(
            text
            for text in (
                f"{labels.get(row.model) or row.model} {row.variant}".strip() if many_models else "",
                row.methods,
                labels.get(row.task) or row.task,
            )
            if text
        )
        for row in shown.itertuples()
    ]
    columns = (shown[f"difference_{part}"] for part in ("mean", "low", "high"))
    return intervals(list(zip(names, *columns, strict=True)), TITLE)


def intervals(rows: Iterable[Row], title: str) -> str:
    """Named means with their intervals as SVG, one below the other."""
    rows = list(rows)
    left = room_for(name for name, *_ in rows)
    bottom = len(rows) * ROW + 8
    drawing = Drawing(max(left + PLOT + NUMBERS, room_for([title])), bottom + 40)
    scale = around_zero((value for _, *values in rows for value in values), left, left + PLOT)
    drawing.axis(scale, 4, bottom)
    for number, (name, mean, low, high) in enumerate(rows):
        y, since = (number + 0.5) * ROW + 4, len(drawing.parts)
        drawing.text(left - 10, y + 4, name, "end")
        if np.isfinite([low, high]).all():
            drawing.line(scale(low), y, scale(high), y, BLUE, 2)
        drawing.dot(scale(mean), y, BLUE)
        drawing.text(left + PLOT + 12, y + 4, with_interval(mean, low, high))
        drawing.described(f"{name}: {with_interval(mean, low, high)}", since)
    drawing.text(6, bottom + 34, title)
    return drawing.svg(title)
