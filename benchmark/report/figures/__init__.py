"""Figures of a table: as its paper draws it, and what every method gains over plain fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.build import Table
from benchmark.report.figures import style
from benchmark.report.figures.differences import differences
from benchmark.report.figures.heat import heat_maps
from benchmark.report.figures.kinds import KINDS, lying
from benchmark.report.figures.points import points
from benchmark.report.numbers.predictions import Arrays

QUANTITIES = {
    "score": "score (%)",
    "loss": "loss on the evaluation set",
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
    "method": "",
    "sensitivity": "sensitivity |θ·g|",
    "parameter": "",
}


@dataclass
class Figures:
    """Figures by the name of their file, as SVG, and what a reader must know of them."""

    svg: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def draw(grid: Grid, table: Table, records: Mapping[str, Record], arrays: Arrays) -> Figures:
    """What can be drawn of a table; where records lack what a figure shows, a note says so."""
    found = Figures()
    layout = grid.table["layout"]
    if layout["kind"] != "table":
        shown = points(grid, table, records, arrays)
        if shown.empty:
            found.notes.append(
                f"There is no figure: no record has what it shows ({_wanted(layout['y'], layout['panels'])})."
            )
        else:
            found.svg["figure"] = panels(shown, layout["kind"], layout["x"])
            lacking = [one for one in layout["panels"] if one.startswith("probe/")]
            lacking = [one for one in lacking if one not in set(shown["quantity"])]
            if lacking:
                found.notes.append(f"The figure lacks {', '.join(lacking)}: no record has it.")
    if svg := heat_maps(table.languages, table.names, table.labels):
        found.svg["languages"] = svg
    if svg := differences(table.numbers, table.labels):
        found.svg["differences"] = svg
    return found


def panels(found: pd.DataFrame, kind: str, x: str) -> str:
    """All panels of a figure as SVG: one per quantity and panel of ``found`` (see `points`)."""
    blocks = list(found.groupby(["quantity", "panel"], sort=False))
    series = list(dict.fromkeys(found["series"]))
    highest = max((block["x"].nunique() for _, block in blocks if lying(kind, block)), default=0)
    figure, axes = style.panels(len(blocks), height=max(style.HEIGHT, 0.3 * highest))
    for one, ((quantity, panel), block) in zip(axes, blocks, strict=True):
        KINDS[kind](one, block, series)
        one.set_title(str(panel), fontsize=10)
        names = [AXES.get(x, x.removeprefix("method.").replace(".", " "))]
        names.append(QUANTITIES.get(str(quantity), str(quantity)) if kind != "heat" else "")
        across, up = reversed(names) if lying(kind, block) else names
        one.set_xlabel(across)
        one.set_ylabel(up)
    style.legend(figure, axes)
    return style.svg(figure)


def _wanted(y: str, shown: list[str]) -> str:
    named = [one for one in shown if one in QUANTITIES]
    return ", ".join(named or [y])
