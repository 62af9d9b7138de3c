"""The curves of a run as SVG: the loss of every update beside losses and scores at every evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from benchmark.records.record import Record
from benchmark.report.figures.drawing import BLUE, GREEN, GREY, RED, Drawing, Scale

WIDTH, HEIGHT, LEFT, TOP, GAP = 340, 180, 56, 28, 150  # pixels of a panel and of the space around it
LINE = 15  # pixels between two names
MOST = WIDTH  # points of a line: more would share a pixel
# The share of updates at either end that may lie outside the axis, and how far the axis extends beyond the rest.
WILD, FAR = 0.01, 8
EVERY = "every update"
HUGE = 1e100  # a larger loss is not drawn, like NaN
Series = Mapping[str, Sequence[tuple[float, float]]]  # points by name


def curves(record: Record, losses: np.ndarray) -> str:
    """Two panels, losses and scores by updates; '' if there is nothing to draw.

    ``losses`` is (updates,), the training loss of each; empty if it is not known.
    """
    means: dict[str, list[tuple[float, float]]] = {}
    scores: dict[str, list[tuple[float, float]]] = {}
    for entry in record.curve:
        means.setdefault("mean of an epoch", []).append((entry.step, entry.loss))
        for name, loss in entry.losses.items():
            means.setdefault(name, []).append((entry.step, loss))
        for name, metrics in entry.scores.items():
            for metric, value in list(metrics.items())[:1]:
                scores.setdefault(f"{metric}, {name}", []).append((entry.step, 100 * value))
    single = thinned(losses)
    if len(single) < 2 and len(record.curve) < 2:
        return ""
    several = len(record.curve) > 1  # a single evaluation is not a curve: the table has its numbers
    drawing = Drawing((1 + several) * (LEFT + WIDTH + GAP), TOP + HEIGHT + 42)
    last = max(len(losses), *(entry.step for entry in record.curve), 1)
    _panel(drawing, "Loss", ({EVERY: single} if single else {}) | (means if several else {}), last, LEFT)
    if several:
        _panel(drawing, "Score (%)", scores, last, LEFT + LEFT + WIDTH + GAP)
    return drawing.svg("The loss of every update, and losses and scores at every evaluation, by updates")


def thinned(losses: np.ndarray) -> list[tuple[float, float]]:
    """Points (update, loss) of a line: all updates, or the means of updates that share a pixel."""
    if len(losses) <= MOST:
        return [(number, float(loss)) for number, loss in enumerate(losses, 1)]
    parts = np.array_split(losses.astype(np.float64), MOST)
    ends = np.cumsum([len(part) for part in parts])
    return [(float(end - len(part) / 2), float(part.mean())) for end, part in zip(ends, parts, strict=True)]


def _panel(drawing: Drawing, title: str, series: Series, last: float, left: float) -> None:
    drawing.text(left, TOP - 12, title, more=' font-weight="600"')
    across, up = Scale(0, last, left, left + WIDTH), _upward(series)
    if up is None:
        drawing.text(left, TOP + 16, "none is known")
        return
    _axes(drawing, across, up)
    ends = []
    colours = (colour for _ in series for colour in (BLUE, RED, GREEN))
    for name, points in series.items():
        colour, width = (GREY, 0.8) if name == EVERY else (next(colours), 1.8)
        known = [[(across(x), up(y)) for x, y in part] for part in _parts(points)]
        for part in known:
            if len(part) > 1:
                drawing.path(part, colour, width)
            else:
                drawing.dot(*part[0], colour)
        if known:
            ends.append((known[-1][-1][1], name, colour))
    lowest = float(TOP - LINE)
    for y, name, colour in sorted(ends):
        lowest = max(y, lowest + LINE)
        drawing.dot(left + WIDTH + 10, lowest, colour)
        drawing.text(left + WIDTH + 18, lowest + 4, name)


def _axes(drawing: Drawing, across: Scale, up: Scale) -> None:
    left, right, bottom = across.left, across.right, TOP + HEIGHT
    drawing.line(left, bottom, right, bottom, GREY)
    drawing.line(left, TOP, left, bottom, GREY)
    for tick in up.ticks(4):
        drawing.line(left - 4, up(tick), left, up(tick), GREY)
        drawing.text(left - 8, up(tick) + 4, f"{tick:.10g}", "end")
    for tick in across.ticks(4):
        drawing.line(across(tick), bottom, across(tick), bottom + 4, GREY)
        drawing.text(across(tick), bottom + 17, f"{tick:.10g}", "middle")
    drawing.text((left + right) / 2, bottom + 34, "updates", "middle")


def _parts(points: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """The parts of a line between values that are not numbers, as in a diverged run."""
    for known, part in groupby(points, key=lambda point: _known(point[1])):
        if known:
            yield list(part)


def _known(value: float) -> bool:
    return math.isfinite(value) and abs(value) < HUGE


def _usual(losses: Sequence[float]) -> list[float]:
    """The range of most losses: one spike, or a diverging run, must not flatten the rest."""
    low, middle, high = np.quantile(losses, [WILD, 0.75, 1 - WILD]).tolist()
    return [low, min(high, low + FAR * (middle - low))] if middle > low else [low, high]


def _upward(series: Series) -> Scale | None:
    """The scale of all values, without the most extreme losses of single updates; None without a number."""
    values: list[float] = []
    for name, points in series.items():
        known = [y for _, y in points if _known(y)]
        values += _usual(known) if name == EVERY and known else known
    if not values:
        return None
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 0.5
    return Scale(low - room, high + room, TOP + HEIGHT, TOP)
