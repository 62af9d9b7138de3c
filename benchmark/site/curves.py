"""The curve of a run as SVG: losses and scores at every evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from benchmark.records.record import Record
from benchmark.report.figures.drawing import BLUE, GREY, RED, Drawing, Scale

WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 160, 56, 28, 150  # pixels of a panel and of the space around it
LINE = 15  # pixels between two names
Series = Mapping[str, list[tuple[float, float]]]  # points by name


def curve(record: Record) -> str:
    """Two panels, losses and scores by updates; '' without two evaluations."""
    if len(record.curve) < 2:
        return ""
    losses: dict[str, list[tuple[float, float]]] = {}
    scores: dict[str, list[tuple[float, float]]] = {}
    for entry in record.curve:
        losses.setdefault("training", []).append((entry.step, entry.loss))
        for name, loss in entry.losses.items():
            losses.setdefault(name, []).append((entry.step, loss))
        for name, metrics in entry.scores.items():
            for metric, value in list(metrics.items())[:1]:
                scores.setdefault(f"{metric}, {name}", []).append((entry.step, 100 * value))
    panels = [("Loss", losses), ("Score (%)", scores)]
    drawing = Drawing(len(panels) * (LEFT + WIDTH + GAP), TOP + HEIGHT + 42)
    for number, (title, series) in enumerate(panels):
        _panel(drawing, title, series, LEFT + number * (LEFT + WIDTH + GAP))
    return drawing.svg("Losses and scores at every evaluation, by updates")


def _panel(drawing: Drawing, title: str, series: Series, left: float) -> None:
    drawing.text(left, TOP - 12, title, more=' font-weight="600"')
    points = [point for line in series.values() for point in line if math.isfinite(point[1])]
    if not points:
        return
    across = Scale(0, max(x for x, _ in points) or 1, left, left + WIDTH)
    up = _upward([y for _, y in points])
    bottom = TOP + HEIGHT
    drawing.line(left, bottom, left + WIDTH, bottom, GREY)
    drawing.line(left, TOP, left, bottom, GREY)
    for tick in up.ticks(4):
        drawing.line(left - 4, up(tick), left, up(tick), GREY)
        drawing.text(left - 8, up(tick) + 4, f"{tick:g}", "end")
    for tick in across.ticks(4):
        drawing.line(across(tick), bottom, across(tick), bottom + 4, GREY)
        drawing.text(across(tick), bottom + 17, f"{tick:g}", "middle")
    drawing.text(left + WIDTH / 2, bottom + 34, "updates", "middle")
    ends = []
    for number, (name, line) in enumerate(series.items()):
        colour = (BLUE, RED, GREY)[number % 3]
        places = [(across(x), up(y)) for x, y in line if math.isfinite(y)]
        for (x1, y1), (x2, y2) in pairwise(places):
            drawing.line(x1, y1, x2, y2, colour, 1.6)
        if places:
            ends.append((places[-1][1], name, colour))
    lowest = float(TOP - LINE)
    for y, name, colour in sorted(ends):
        lowest = max(y, lowest + LINE)
        drawing.dot(left + WIDTH + 10, lowest, colour)
        drawing.text(left + WIDTH + 18, lowest + 4, name)


def _upward(values: list[float]) -> Scale:
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 0.5
    return Scale(low - room, high + room, TOP + HEIGHT, TOP)
