"""The displays of a figure: each draws the points of one panel on its axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmark.report.figures.points import numeric
from benchmark.report.figures.style import BAND, COLOURS, Axes, entry, look
from benchmark.report.numbers.statistics import estimate
from benchmark.report.published import AVERAGE

Draw = Callable[[Axes, pd.DataFrame, Sequence[str]], None]
TAIL = 1e-3  # share of a histogram's counts that is left out at either end
UPRIGHT = 12  # above so many groups of bars, there is no room for their names below


def lines(axes: Axes, frame: pd.DataFrame, series: Sequence[str]) -> None:
    """Means over seeds, with bands of their 95 % intervals; averages have a thicker line."""
    texts = [] if numeric(frame["x"]) else list(dict.fromkeys(frame["x"]))
    for number, name in enumerate(series):
        block = frame[frame["series"] == name]
        values = block["x"].map(texts.index) if texts else block["x"].astype(float)
        means = [(x, estimate(ys.to_numpy())) for x, ys in block["y"].groupby(values.to_numpy())]
        if not means:
            continue
        x = [place for place, _ in means]
        dense = len(x) > 20
        style = look(number) | ({"marker": ""} if dense else {})
        width = 2.4 if name == AVERAGE else 1.4
        axes.plot(
            x,
            [estimated.mean for _, estimated in means],
            label=entry(name),
            linewidth=width,
            markersize=4,
            **style,
        )
        if len(series) <= 4 or name == AVERAGE:  # further bands would hide each other
            low, high = [estimated.low for _, estimated in means], [estimated.high for _, estimated in means]
            axes.fill_between(x, low, high, color=style["color"], alpha=BAND, linewidth=0)
    if texts:
        axes.set_xticks(range(len(texts)), texts)
    else:
        ticks = sorted(set(frame["x"].astype(float)))
        if len(ticks) <= 12:
            axes.set_xticks(ticks, [f"{place:g}" for place in ticks])


def box(axes: Axes, frame: pd.DataFrame, series: Sequence[str]) -> None:
    """Quartiles over seeds, and every seed as a point.

    Whiskers reach to 1.5 times the distance between the quartiles.
    """
    places = sorted(set(frame["x"])) if numeric(frame["x"]) else list(dict.fromkeys(frame["x"]))
    width = 0.8 / len(series)
    for number, name in enumerate(series):
        colour = look(number)["color"]
        for place, x in enumerate(places):
            ys = frame[(frame["series"] == name) & (frame["x"] == x)]["y"].to_numpy()
            position = place + (number - (len(series) - 1) / 2) * width
            if not len(ys):
                continue
            axes.boxplot(
                [ys],
                positions=[position],
                widths=0.7 * width,
                showfliers=False,
                medianprops={"color": colour, "linewidth": 2},
                boxprops={"color": colour},
                whiskerprops={"color": colour},
                capprops={"color": colour},
            )
            aside = position + 0.2 * width * np.linspace(-1, 1, len(ys)) if len(ys) > 1 else [position]
            axes.plot(aside, ys, ".", color=colour, alpha=0.6, markersize=4)
        if name:
            axes.plot([], [], color=colour, label=entry(name))
    _name_ticks(axes, places)


def bars(axes: Axes, frame: pd.DataFrame, series: Sequence[str]) -> None:
    """Means over seeds side by side, with their 95 % intervals.

    The axis of values starts near the lowest one if all are far from 0. Many groups are drawn as horizontal
    bars.
    """
    places = list(dict.fromkeys(frame["x"]))
    lie = lying("bars", frame)
    width = 0.8 / len(series)
    every = []
    for number, name in enumerate(series):
        block = frame[frame["series"] == name]
        means = [estimate(block[block["x"] == x]["y"].to_numpy()) for x in places]
        positions = np.arange(len(places)) + (number - (len(series) - 1) / 2) * width
        colour = COLOURS[number % len(COLOURS)]
        hatch = ("", "///", "...")[number // len(COLOURS) % 3]
        heights = [estimated.mean for estimated in means]
        (axes.barh if lie else axes.bar)(
            positions, heights, 0.9 * width, color=colour, hatch=hatch, edgecolor="white", label=entry(name)
        )
        errors = np.nan_to_num([[e.mean - e.low for e in means], [e.high - e.mean for e in means]])
        x, y, x_errors, y_errors = (
            (heights, positions, errors, None) if lie else (positions, heights, None, errors)
        )
        axes.errorbar(x, y, y_errors, x_errors, fmt="none", ecolor="#333333", capsize=2, linewidth=1)
        every += [end for e in means for end in (e.mean, e.low, e.high) if not np.isnan(end)]
    low, high = min(every), max(every)
    if low > 0.5 * high > 0:  # an axis from 0 would hide the differences
        room = 0.15 * (high - low or high)
        (axes.set_xlim if lie else axes.set_ylim)(low - room, high + room)
    if lie:
        axes.set_yticks(range(len(places)), [str(place) for place in places])
        axes.set_ylim(len(places) - 0.5, -0.5)  # the first on top
    else:
        _name_ticks(axes, places)


def lying(display: str, frame: pd.DataFrame) -> bool:
    """True if the bars of a panel are horizontal, with x on the vertical axis."""
    return display == "bars" and frame["x"].nunique() > UPRIGHT


def heat(axes: Axes, frame: pd.DataFrame, series: Sequence[str]) -> None:
    """The mean at every x as a shade; series from top to bottom."""
    places = sorted(set(frame["x"])) if numeric(frame["x"]) else list(dict.fromkeys(frame["x"]))
    means = frame.groupby(["series", "x"])["y"].mean()
    shades = np.array([[means.get((name, x), np.nan) for x in places] for name in series])
    drawn = axes.imshow(shades, cmap="cividis", aspect="auto")
    axes.figure.colorbar(drawn, ax=axes, shrink=0.8)
    axes.set_yticks(range(len(series)), series)
    _name_ticks(axes, places)


def histogram(axes: Axes, frame: pd.DataFrame, series: Sequence[str]) -> None:
    """Share of counts per bin, as steps: the mean over seeds.

    A bin without counts in a run counts as 0. The outermost thousandth at either end is outside the panel.
    """
    for number, name in enumerate(series):
        block = frame[frame["series"] == name]
        if block.empty:
            continue
        shares = block.groupby("x")["y"].sum() / block["seed"].nunique()
        style = look(number) | {"marker": ""}
        axes.step(shares.index.astype(float), shares.to_numpy(), where="mid", label=entry(name), **style)
        axes.fill_between(shares.index.astype(float), shares, step="mid", color=style["color"], alpha=BAND)
    axes.set_xscale("log")
    shares = frame.groupby("x")["y"].sum()
    below = shares.cumsum() / shares.sum()
    shown = shares.index[(below > TAIL) & (below - shares / shares.sum() < 1 - TAIL)].astype(float)
    axes.set_xlim(shown[0] / 2, shown[-1] * 2)


DISPLAYS: dict[str, Draw] = {"lines": lines, "box": box, "bars": bars, "heat": heat, "histogram": histogram}


def _name_ticks(axes: Axes, places: Sequence[object]) -> None:
    texts = [f"{place:g}" if isinstance(place, float) else str(place) for place in places]
    long = sum(map(len, texts)) > 32
    axes.set_xticks(range(len(texts)), texts, rotation=30 if long else 0, ha="right" if long else "center")
