"""The kinds of figures: each draws the points of one panel on its axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmark.report.figures.points import numeric
from benchmark.report.figures.style import BAND, COLOURS, Axes, look
from benchmark.report.numbers.statistics import estimate
from benchmark.report.published import AVERAGE

Draw = Callable[[Axes, pd.DataFrame, Sequence[str]], None]
TAIL = 1e-3  # of what a histogram counts
UPRIGHT = 12  # groups of bars whose names still have room below them


def lines(axes: Axes, found: pd.DataFrame, series: Sequence[str]) -> None:
    """Means over seeds, with bands of their 95 % intervals; an average stands out from what it is of."""
    texts = [] if numeric(found["x"]) else list(dict.fromkeys(found["x"]))
    for number, name in enumerate(series):
        block = found[found["series"] == name]
        values = block["x"].map(texts.index) if texts else block["x"].astype(float)
        means = [(x, estimate(ys.to_numpy())) for x, ys in block["y"].groupby(values.to_numpy())]
        if not means:
            continue
        x = [at for at, _ in means]
        dense = len(x) > 20
        style = look(number) | ({"marker": ""} if dense else {})
        width = 2.4 if name == AVERAGE else 1.4
        axes.plot(x, [one.mean for _, one in means], label=name, linewidth=width, markersize=4, **style)
        if len(series) <= 4 or name == AVERAGE:  # more bands than these hide each other
            low, high = [one.low for _, one in means], [one.high for _, one in means]
            axes.fill_between(x, low, high, color=style["color"], alpha=BAND, linewidth=0)
    if texts:
        axes.set_xticks(range(len(texts)), texts)
    else:
        own = sorted(set(found["x"].astype(float)))
        if len(own) <= 12:
            axes.set_xticks(own, [f"{one:g}" for one in own])


def box(axes: Axes, found: pd.DataFrame, series: Sequence[str]) -> None:
    """Quartiles over seeds with whiskers to 1.5 times their distance, and every seed as a point."""
    places = sorted(set(found["x"])) if numeric(found["x"]) else list(dict.fromkeys(found["x"]))
    step = 0.8 / len(series)
    for number, name in enumerate(series):
        colour = look(number)["color"]
        for place, x in enumerate(places):
            ys = found[(found["series"] == name) & (found["x"] == x)]["y"].to_numpy()
            at = place + (number - (len(series) - 1) / 2) * step
            if not len(ys):
                continue
            axes.boxplot(
                [ys],
                positions=[at],
                widths=0.7 * step,
                showfliers=False,
                medianprops={"color": colour, "linewidth": 2},
                boxprops={"color": colour},
                whiskerprops={"color": colour},
                capprops={"color": colour},
            )
            aside = at + 0.2 * step * np.linspace(-1, 1, len(ys)) if len(ys) > 1 else [at]
            axes.plot(aside, ys, ".", color=colour, alpha=0.6, markersize=4)
        if name:
            axes.plot([], [], color=colour, label=name)
    _named(axes, places)


def bars(axes: Axes, found: pd.DataFrame, series: Sequence[str]) -> None:
    """Means over seeds side by side, with their 95 % intervals; the axis does not begin at 0 for scores.

    Where they are many, they lie.
    """
    places = list(dict.fromkeys(found["x"]))
    lie = lying("bars", found)
    step = 0.8 / len(series)
    every = []
    for number, name in enumerate(series):
        block = found[found["series"] == name]
        means = [estimate(block[block["x"] == x]["y"].to_numpy()) for x in places]
        at = np.arange(len(places)) + (number - (len(series) - 1) / 2) * step
        colour = COLOURS[number % len(COLOURS)]
        hatch = ("", "///", "...")[number // len(COLOURS) % 3]
        heights = [one.mean for one in means]
        (axes.barh if lie else axes.bar)(
            at, heights, 0.9 * step, color=colour, hatch=hatch, edgecolor="white", label=name
        )
        far = np.nan_to_num([[one.mean - one.low for one in means], [one.high - one.mean for one in means]])
        x, y, x_far, y_far = (heights, at, far, None) if lie else (at, heights, None, far)
        axes.errorbar(x, y, y_far, x_far, fmt="none", ecolor="#333333", capsize=2, linewidth=1)
        every += [value for one in means for value in (one.mean, one.low, one.high) if not np.isnan(value)]
    low, high = min(every), max(every)
    if low > 0.5 * high > 0:  # what matters is far from 0
        room = 0.15 * (high - low or high)
        (axes.set_xlim if lie else axes.set_ylim)(low - room, high + room)
    if lie:
        axes.set_yticks(range(len(places)), [str(one) for one in places])
        axes.set_ylim(len(places) - 0.5, -0.5)  # the first on top
    else:
        _named(axes, places)


def lying(kind: str, found: pd.DataFrame) -> bool:
    """Whether the bars of a panel lie, so that what is x stands on the vertical axis."""
    return kind == "bars" and found["x"].nunique() > UPRIGHT


def heat(axes: Axes, found: pd.DataFrame, series: Sequence[str]) -> None:
    """The mean of every place as a shade, series from top to bottom."""
    places = sorted(set(found["x"])) if numeric(found["x"]) else list(dict.fromkeys(found["x"]))
    means = found.groupby(["series", "x"])["y"].mean()
    shades = np.array([[means.get((name, x), np.nan) for x in places] for name in series])
    drawn = axes.imshow(shades, cmap="cividis", aspect="auto")
    axes.figure.colorbar(drawn, ax=axes, shrink=0.8)
    axes.set_yticks(range(len(series)), series)
    _named(axes, places)


def histogram(axes: Axes, found: pd.DataFrame, series: Sequence[str]) -> None:
    """Shares of what was counted by bin, as steps, the mean over seeds; a bin a run has none in counts as 0.

    The thousandth at either end lies outside the panel.
    """
    for number, name in enumerate(series):
        block = found[found["series"] == name]
        if block.empty:
            continue
        shares = block.groupby("x")["y"].sum() / block["seed"].nunique()
        style = look(number) | {"marker": ""}
        axes.step(shares.index.astype(float), shares.to_numpy(), where="mid", label=name, **style)
        axes.fill_between(shares.index.astype(float), shares, step="mid", color=style["color"], alpha=BAND)
    axes.set_xscale("log")
    shares = found.groupby("x")["y"].sum()
    below = shares.cumsum() / shares.sum()
    shown = shares.index[(below > TAIL) & (below - shares / shares.sum() < 1 - TAIL)].astype(float)
    axes.set_xlim(shown[0] / 2, shown[-1] * 2)


KINDS: dict[str, Draw] = {"lines": lines, "box": box, "bars": bars, "heat": heat, "histogram": histogram}


def _named(axes: Axes, places: Sequence[object]) -> None:
    texts = [f"{one:g}" if isinstance(one, float) else str(one) for one in places]
    long = sum(map(len, texts)) > 32
    axes.set_xticks(range(len(texts)), texts, rotation=30 if long else 0, ha="right" if long else "center")
