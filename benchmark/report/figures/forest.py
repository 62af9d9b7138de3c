"""Forest plot: gains of every cell by task, and the two pooled means of each method below."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.patches import Polygon

from benchmark.report.figures.style import COLOURS, Axes, pyplot, svg

ACROSS = 3  # panels in a row
WIDTH, NAMES = 3.2, 2.2  # inches: of a panel, and of the names beside the first
ROW, GAP = 0.22, 0.6  # inches of a row; the space between two tasks, in rows
POOLED = ("Equal weights", "By precision", "In a new cell")
HALF = 0.32  # height of a diamond above its middle, in rows
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
    height = ROW * (max(ticks) + 1) + 1.0
    figure, all_axes = pyplot.subplots(
        down,
        across,
        figsize=(NAMES + WIDTH * across, height * down),
        layout="constrained",
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for axes, gain in zip(all_axes.flat, gains.to_dict("records"), strict=False):
        _panel(axes, shown[shown["methods"] == gain["methods"]], gain, places)
        axes.set_yticks([*ticks], [*ticks.values()])
        axes.set_ylim(max(ticks) + 0.7, -0.7)
        axes.tick_params(axis="y", length=0)
    for empty in all_axes.flat[len(gains) :]:
        empty.set_visible(False)
    figure.supxlabel("gain over plain fine-tuning, percentage points (95 % intervals)", fontsize=9)
    return svg(figure)


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


def _panel(axes: Axes, shown: pd.DataFrame, gain: Mapping[str, float], places: Places) -> None:
    """One method: cells as points, means as diamonds, a new cell's interval thin."""
    heights = [places[cell.task, cell.model, cell.variant] for cell in shown.itertuples()]
    axes.axvline(0, color="#888888", linewidth=1)
    axes.hlines(heights, shown["difference_low"], shown["difference_high"], color=COLOURS[0], linewidth=1.6)
    axes.plot(shown["difference_mean"], heights, "o", color=COLOURS[0], markersize=4)
    equal, weighed, new = (places[name,] for name in POOLED)
    _diamond(axes, gain["mean"], gain["low"], gain["high"], equal, filled=True)
    _diamond(axes, gain["random_mean"], gain["random_low"], gain["random_high"], weighed, filled=False)
    axes.hlines([new], gain["predicted_low"], gain["predicted_high"], color=COLOURS[1], linewidth=0.8)
    axes.set_title(str(gain["methods"]), fontsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _diamond(axes: Axes, mean: float, low: float, high: float, height: float, filled: bool) -> None:
    """A mean with its interval as a diamond; without an interval, a small one."""
    if np.isnan(mean):
        return
    if np.isnan(low) or np.isnan(high):
        axes.plot(
            [mean], [height], "D", color=COLOURS[1], fillstyle="full" if filled else "none", markersize=5
        )
        return
    corners = [(low, height), (mean, height - HALF), (high, height), (mean, height + HALF)]
    axes.add_patch(
        Polygon(corners, closed=True, fill=filled, facecolor=COLOURS[1], edgecolor=COLOURS[1], linewidth=1.2)
    )
    axes.update_datalim(corners)
    axes.autoscale_view()
