"""Forest plot: gains of every cell by task, and the two pooled means of each method below."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.report.figures.drawing import (
    BLUE,
    RED,
    ROW,
    Drawing,
    Scale,
    around_zero,
    room_for,
    with_interval,
)

TITLE = "Gain over plain fine-tuning, in percentage points, with 95 % intervals"
NARROW = [TITLE.partition(" with")[0], "with 95 % intervals"]  # below a single panel
LINE = 14  # pixels: of the caption
ACROSS = 3  # panels in a row
WIDTH, SPACE, HEAD, FOOT = 260, 24, 30, 26  # pixels: of a panel, between two, above and below its rows
GAP = 0.6  # the space between two tasks, in rows
POOLED = ("Equal weights", "By precision", "In a new cell")
HALF = 5  # pixels: half the height of a diamond
Places = dict[tuple[str, ...], float]  # heights by task, model and variant, and by the name of a pooled mean


def forest(numbers: pd.DataFrame, gains: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """The forest plot as SVG, a panel per method; '' without a pooled mean.

    ``numbers`` are the cells behind the means, as `measured` gives them; ``gains`` is from `overall.gains`.
    """
    shown = numbers[numbers["difference_n"] > 0] if not gains.empty else numbers[:0]
    if shown.empty:
        return ""
    places, ticks = _places(shown, labels)
    across = min(len(gains), ACROSS)
    down = -(-len(gains) // across)
    names, panel = room_for(ticks.values()), HEAD + (max(ticks) + 1) * ROW + FOOT
    width = names + across * (WIDTH + SPACE)
    left_of_title = min(names, width - room_for([TITLE]))
    lines = [TITLE] if left_of_title > 0 else NARROW
    drawing = Drawing(width, down * panel + 12 + LINE * len(lines))
    ends = [*_ends(shown, "difference_mean", "difference_low", "difference_high")]
    ends += _ends(gains, "mean", "low", "high", "random_mean", "random_low", "random_high")
    ends += _ends(gains, "predicted_low", "predicted_high")
    for number, gain in enumerate(gains.to_dict("records")):
        left, top = names + number % across * (WIDTH + SPACE), number // across * panel + HEAD
        if number % across == 0:
            for height, name in ticks.items():
                drawing.text(names - 10, top + (height + 0.5) * ROW + 4, name, "end")
        scale = around_zero(ends, left, left + WIDTH)
        drawing.text(left, top - 12, str(gain["methods"]), more=' font-weight="600"')
        drawing.axis(scale, top, top + (max(ticks) + 1) * ROW)
        _panel(drawing, shown[shown["methods"] == gain["methods"]], gain, (places, ticks), scale, top)
    for number, line in enumerate(lines):
        drawing.text(max(left_of_title, 4), down * panel + 16 + LINE * number, line)
    return drawing.svg(TITLE)


def _ends(frame: pd.DataFrame, *names: str) -> list[float]:
    return [float(value) for name in names for value in frame[name]]


def _places(shown: pd.DataFrame, labels: Mapping[str, str]) -> tuple[Places, dict[float, str]]:
    """The heights of all cells and of the pooled means, and all names by height."""
    several = shown[["model", "variant"]].drop_duplicates().shape[0] > 1
    places: Places = {}
    ticks: dict[float, str] = {}
    height = 0.0
    for task, block in shown.groupby("task", sort=False):
        for model, variant in block[["model", "variant"]].drop_duplicates().itertuples(index=False):
            name = f"{labels.get(model) or model} {variant}".strip() if several else ""
            ticks[height] = " · ".join(text for text in (labels.get(str(task)) or str(task), name) if text)
            places[str(task), model, variant] = height
            height += 1
        height += GAP if several else 0
    height += GAP
    for name in POOLED:
        ticks[height], places[name,] = name, height
        height += 1
    return places, ticks


def _panel(
    drawing: Drawing,
    shown: pd.DataFrame,
    gain: Mapping[str, float],
    named: tuple[Places, dict[float, str]],
    scale: Scale,
    top: float,
) -> None:
    """One method: cells as points, means as diamonds, a new cell's interval thin."""
    places, ticks = named
    for cell in shown.itertuples():
        height = places[str(cell.task), cell.model, cell.variant]
        y, since = top + (height + 0.5) * ROW, len(drawing.parts)
        mean, low, high = cell.difference_mean, cell.difference_low, cell.difference_high
        if np.isfinite([low, high]).all():
            drawing.line(scale(low), y, scale(high), y, BLUE, 1.6)
        drawing.dot(scale(mean), y, BLUE)
        drawing.described(f"{ticks[height]}: {with_interval(mean, low, high)}", since)
    equal, weighed, new = (top + (places[name,] + 0.5) * ROW for name in POOLED)
    for prefix, y, filled in (("", equal, True), ("random_", weighed, False)):
        since = len(drawing.parts)
        mean, low, high = (gain[f"{prefix}{part}"] for part in ("mean", "low", "high"))
        _diamond(drawing, scale, (mean, low, high), y, filled)
        drawing.described(f"{POOLED[not filled]}: {with_interval(mean, low, high)}", since)
    if np.isfinite([gain["predicted_low"], gain["predicted_high"]]).all():
        drawing.line(scale(gain["predicted_low"]), new, scale(gain["predicted_high"]), new, RED)


def _diamond(
    drawing: Drawing, scale: Scale, ends: tuple[float, float, float], y: float, filled: bool
) -> None:
    """A mean with its interval as a diamond; without an interval, a small one."""
    mean, low, high = ends
    if np.isnan(mean):
        return
    middle = scale(mean)
    left, right = (
        (scale(low), scale(high)) if np.isfinite([low, high]).all() else (middle - HALF, middle + HALF)
    )
    drawing.polygon([(left, y), (middle, y - HALF), (right, y), (middle, y + HALF)], RED, filled)
