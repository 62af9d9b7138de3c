"""One heat map per column of a table: runs as rows, languages as columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.report.figures.style import Axes, pyplot, svg
from benchmark.report.numbers.languages import ARM, arm

WIDE, ROW = 10.0, 0.26  # inches: width of a panel, height of a row
LEGIBLE = 40  # more languages than this leave no room for numbers
DECIMAL = 16  # more languages than this leave no room for a decimal


def heat_maps(numbers: pd.DataFrame, names: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Mean scores by language (see `languages.by_language`) as SVG; '' if there are none."""
    if numbers.empty:
        return ""
    blocks = list(numbers.groupby("column", sort=False))
    heights = [1.0 + ROW * block[ARM].drop_duplicates().shape[0] for _, block in blocks]
    figure, all_axes = pyplot.subplots(
        len(blocks),
        figsize=(WIDE, sum(heights)),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    for axes, (column, block) in zip(all_axes[:, 0], blocks, strict=True):
        _panel(axes, block, labels)
        axes.set_title(names[str(column)], fontsize=10, loc="left")
    return svg(figure, "Mean scores by language")


def _panel(axes: Axes, block: pd.DataFrame, labels: Mapping[str, str]) -> None:
    languages = list(dict.fromkeys(block["language"]))
    several = block["model"].nunique() > 1
    rows, shades = [], []
    for (model, variant, methods), numbers in block.groupby(ARM, sort=False):
        name = arm(str(variant), str(methods))
        rows.append(f"{labels.get(str(model)) or model} · {name}" if several else name)
        means = dict(zip(numbers["language"], numbers["score_mean"], strict=True))
        shades.append([means.get(language, np.nan) for language in languages])
    values = np.array(shades, float)
    drawn = axes.imshow(values, cmap="cividis", aspect="auto")
    axes.figure.colorbar(drawn, ax=axes, label="score (%)", pad=0.01, aspect=8)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(languages)), languages, fontsize=9 if len(languages) <= DECIMAL else 7)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if len(languages) <= LEGIBLE:
        _numbers(axes, values, 1 if len(languages) <= DECIMAL else 0)


def _numbers(axes: Axes, values: np.ndarray, decimals: int) -> None:
    """The values in their places, light on dark and dark on light."""
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            colour = "white" if value < middle else "black"
            axes.text(
                column,
                row,
                f"{value:.{decimals}f}",
                ha="center",
                va="center",
                fontsize=7,
                color=colour,
            )
