"""Figures of a table: the paper's own display, and gains over plain fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from benchmark.grids.grid import Grid
from benchmark.printable import printable
from benchmark.privacy import portable_text
from benchmark.records.record import Record
from benchmark.report.build import Report
from benchmark.report.figures import style
from benchmark.report.figures.differences import differences
from benchmark.report.figures.displays import DISPLAYS, lying
from benchmark.report.figures.forest import forest
from benchmark.report.figures.heat import heat_maps
from benchmark.report.figures.points import points
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.numbers.sampling import weights_of
from benchmark.report.shared import drawn

QUANTITIES = {
    "score": "score (%)",
    "loss": "loss on the evaluation set",
    "time": "seconds per update",
    "probe/norm_change": "relative change of the L1 norm",
    "probe/linear_probe": "score of a linear probe (%)",
    "probe/token_similarity": "cosine similarity of tokens",
    "probe/noise_attenuation": "relative change of the output",
    "probe/sensitivity": "share of the weights",
    "probe/sensitivity/std": "standard deviation of sensitivities",
}
AXES = {
    "data.share": "share of the training set",
    "step": "updates",
    "method": "method",
    "sensitivity": "sensitivity |θ·g|",
    "parameter": "parameters",
}


@dataclass
class Figures:
    """Figures as SVG, by the name of their file, with notes for the reader.

    ``points`` are those of the paper's own display, as `points.points` gives them.
    """

    svg: dict[str, str] = field(default_factory=dict)
    points: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: list[str] = field(default_factory=list)


def draw(grid: Grid, report: Report, records: Mapping[str, Record], arrays: Arrays) -> Figures:
    """Every figure that the records of a table allow; a note names missing quantities."""
    figures = Figures()
    layout = grid.table["layout"]
    if layout["kind"] != "table":
        shown = drawn(points(grid, report, records, arrays))
        if shown.empty:
            figures.notes.append(
                f"There is no figure: no record has its quantities ({_wanted(layout['y'], layout['panels'])})."
            )
        else:
            figures.points = shown
            figures.svg["figure"] = panels(shown, layout["kind"], layout["x"], grid.table["title"])
            probed = [name for name in layout["panels"] if name.startswith("probe/")]
            lacking = [name for name in probed if name not in set(shown["quantity"])]
            if lacking:
                figures.notes.append(f"The figure lacks {', '.join(lacking)}: no record has it.")
    names, labels = (
        {printable(portable_text(key)): printable(portable_text(name)) for key, name in texts.items()}
        for texts in (report.names, report.labels)
    )
    if svg := heat_maps(drawn(report.languages), names, labels):
        figures.svg["languages"] = svg
    if svg := forest(*_pooled(report), labels):
        figures.svg["forest"] = svg
    if svg := differences(drawn(report.numbers), labels):
        figures.svg["differences"] = svg
    return figures


def panels(frame: pd.DataFrame, display: str, x: str, title: str = "") -> str:
    """All panels of a figure as SVG: one per quantity and panel of ``frame``.

    ``frame`` is the result of `points`.
    """
    blocks = list(frame.groupby(["quantity", "panel"], sort=False))
    series = list(dict.fromkeys(frame["series"]))
    highest = max((block["x"].nunique() for _, block in blocks if lying(display, block)), default=0)
    figure, axes = style.panels(len(blocks), height=max(style.HEIGHT, 0.3 * highest))
    for panel_axes, ((quantity, panel), block) in zip(axes, blocks, strict=True):
        DISPLAYS[display](panel_axes, block, series)
        panel_axes.set_title(str(panel), fontsize=10)
        names = [AXES.get(x, x.removeprefix("method.").replace(".", " "))]
        names.append(QUANTITIES.get(str(quantity), str(quantity)) if display != "heat" else "")
        across, up = reversed(names) if lying(display, block) else names
        panel_axes.set_xlabel(across)
        panel_axes.set_ylabel(up)
    style.legend(figure, axes)
    return style.svg(figure, portable_text(title) or "Figure")


def _pooled(report: Report) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cells behind the pooled means of a report, and these means."""
    counted = list(weights_of(report.rule)) if report.rule else []
    cells = report.numbers[report.numbers["task"].isin(counted) & (report.numbers["methods"] != "")]
    return drawn(cells), drawn(report.gains)


def _wanted(y: str, shown: list[str]) -> str:
    named = [name for name in shown if name in QUANTITIES]
    return ", ".join(named or [y])
