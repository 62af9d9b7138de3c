"""Style of figures: colours for colour-blind readers, distinct markers, reproducible files."""

from __future__ import annotations

from io import StringIO
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "benchmark"  # equal numbers must give equal files
matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text: it can be selected, searched and read aloud
matplotlib.rcParams["font.size"] = 9
matplotlib.rcParams["text.parse_math"] = False  # names with $ are names

from matplotlib import pyplot  # noqa: E402  (the backend comes first)
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from benchmark.report.figures.drawing import safe  # noqa: E402

# Okabe and Ito's palette, without the yellow, which is hard to see on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
DASHES = ("-", "--", "-.", ":")
ENTRY = "of "  # begins the label of a series
BAND = 0.18  # opacity
HEIGHT = 3.2  # height of a panel in inches


def look(number: int) -> dict[str, Any]:
    """Colour, marker and dashes of the ``number``-th series.

    The first 28 are all different.
    """
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number // len(COLOURS) % len(DASHES)],
    }


def panels(count: int, width: float = 4.2, height: float = HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels, up to three in a row."""
    across = min(count, 3 if count != 4 else 2)
    down = -(-count // across)
    size = (max(width * across, 5.0), height * down + 0.4)
    figure, all_axes = pyplot.subplots(down, across, figsize=size, layout="constrained", squeeze=False)
    axes = list(all_axes.flat)
    for empty in axes[count:]:
        empty.set_visible(False)
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes[:count]


def entry(name: str) -> str:
    """A series' name as a label, with a prefix: matplotlib ignores labels beginning with ``_``."""
    return f"{ENTRY}{name}" if name else name


def legend(figure: Figure, axes: list[Axes]) -> None:
    """One legend for all panels, below them."""
    entries: dict[str, Any] = {}
    for panel in axes:
        handles, names = panel.get_legend_handles_labels()
        for name, handle in zip(names, handles, strict=True):
            entries.setdefault(name.removeprefix(ENTRY), handle)
    if len(entries) > 1:
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=4, frameon=False)


def svg(figure: Figure, title: str) -> str:
    """The figure as text, identical for identical figures, with ``title`` as its name."""
    out = StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    text = out.getvalue()
    begin = text.index("<svg")
    body = text.index(">", begin) + 1
    return (
        f'{text[begin : body - 1]} role="img" fill="currentColor">\n<title>{safe(title)}</title>{text[body:]}'
    )
