"""Rows of a table's page: a cell with its seeds, the paper's number beside it, and its interval as a strip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from benchmark.grids.grid import Grid
from benchmark.report.build import Report
from benchmark.report.figures.drawing import BLUE, GREY, Drawing, Scale, around_zero, signed, with_interval
from benchmark.report.published import AVERAGE
from benchmark.report.sections import VANILLA_LABEL

STRIP, HIGH = 170, 18  # pixels of a strip
# Share of the interval ends that lie within a strip: one extreme interval must not flatten all others
CLIPPED = 0.95


@dataclass(frozen=True)
class MeasuredRow:
    """One cell of a table as its page shows it; texts are for reading, ``…_value`` for sorting.

    ``runs`` are (seed, score or status, page or '').
    """

    model: str
    methods: str
    names: list[str]
    task: str
    score: str
    score_value: float | None
    n: int
    published: float | None
    gap: str
    gap_value: float | None
    difference: str
    difference_value: float | None
    p: str
    strip: Markup
    runs: list[tuple[int, str, str]]


def rows(report: Report, grid: Grid, places: Mapping[str, str]) -> list[MeasuredRow]:
    """The measured cells of a table; ``places`` has the folder of a record by run id."""
    numbers = report.numbers[report.numbers["score_n"] > 0]
    scale = _scale(numbers)
    by_cell: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for run in report.frame.to_dict("records"):
        by_cell.setdefault((run["model"], run["variant"], run["methods"], run["task"]), []).append(run)
    named = method_names(report, grid)
    return [
        _row(
            cell,
            by_cell.get((cell["model"], cell["variant"], cell["methods"], cell["task"]), []),
            report,
            named,
            scale,
            places,
        )
        for cell in numbers.to_dict("records")
    ]


def method_names(report: Report, grid: Grid) -> dict[str, list[str]]:
    """The names of methods by their text in a report, which may have hyper-parameters."""
    first = report.frame.drop_duplicates("methods")
    return {
        str(methods): sorted(grid.runs[number].config.method)
        for methods, number in zip(first["methods"], first["run"], strict=True)
    }


def gained(report: Report, grid: Grid) -> list[dict[str, Any]]:
    """The differences of a table's cells to plain fine-tuning, for other pages."""
    shown = report.numbers[
        (report.numbers["methods"] != "")
        & (report.numbers["difference_n"] > 0)
        & (report.numbers["task"] != AVERAGE)
    ]
    named = method_names(report, grid)
    return [
        {
            "methods": str(row["methods"]),
            "names": named[str(row["methods"])],
            "model": model_label(row, report.labels),
            "task": report.labels.get(row["task"]) or row["task"],
            "n": int(row["difference_n"]),
            **{part: number(row[f"difference_{part}"]) for part in ("mean", "low", "high")},
        }
        for row in shown.to_dict("records")
    ]


def strip(mean: float, low: float, high: float, scale: Scale) -> Markup:
    """An interval on an axis with 0, without numbers: they stand beside it."""
    drawing = Drawing(STRIP, HIGH)
    middle = HIGH / 2
    drawing.line(scale(0), 0, scale(0), HIGH, GREY)
    if np.isfinite([low, high]).all():
        drawing.line(scale(low), middle, scale(high), middle, BLUE, 2)
    drawing.dot(scale(mean), middle, BLUE)
    inner = "".join(drawing.parts)
    return Markup(
        f'<svg class="strip" viewBox="0 0 {STRIP} {HIGH}" width="{STRIP}" height="{HIGH}" '
        f'aria-hidden="true">{inner}</svg>'
    )


def strip_scale(ends: Sequence[float]) -> Scale:
    """The scale of the strips in one column; the few widest intervals are cut at its ends."""
    known = np.abs([end for end in ends if np.isfinite(end)])
    if not len(known):
        return around_zero([], 4, STRIP - 4)
    most = float(np.quantile(known, CLIPPED))
    return around_zero([min(max(end, -most), most) for end in ends if np.isfinite(end)], 4, STRIP - 4)


def number(value: Any) -> float | None:
    """A number for JSON: None if there is none."""
    return None if pd.isna(value) or not np.isfinite(value) else round(float(value), 6)


def model_label(row: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """The shown name of a row's model, with its variant."""
    return f"{labels.get(row['model']) or row['model']} {row['variant']}".strip()


def _scale(numbers: pd.DataFrame) -> Scale:
    columns = ("difference_mean", "difference_low", "difference_high")
    return strip_scale([float(value) for name in columns for value in numbers[name]])


def _row(
    cell: dict[str, Any],
    runs: Sequence[dict[str, Any]],
    report: Report,
    named: Mapping[str, list[str]],
    scale: Scale,
    places: Mapping[str, str],
) -> MeasuredRow:
    mean, low, high = (cell[f"difference_{part}"] for part in ("mean", "low", "high"))
    printed = cell.get("published")
    printed = None if printed is None or pd.isna(printed) else float(printed)
    gap = None if printed is None else number(cell["score_mean"] - printed)
    spread = f" ± {cell['score_std']:.2f}" if cell["score_n"] > 1 else ""
    best = "* " if cell["best"] else ""
    p = cell["difference_p"]
    return MeasuredRow(
        model=model_label(cell, report.labels),
        methods=cell["methods"] or VANILLA_LABEL,
        names=named[cell["methods"]],
        task=report.labels.get(cell["task"]) or cell["task"],
        score=f"{best}{cell['score_mean']:.2f}{spread}",
        score_value=number(cell["score_mean"]),
        n=int(cell["score_n"]),
        published=printed,
        gap="" if gap is None else signed(gap),
        gap_value=gap,
        difference=with_interval(mean, low, high) if cell["difference_n"] else "",
        difference_value=number(mean),
        p="" if pd.isna(p) else f"{p:.2g}",
        strip=strip(mean, low, high, scale) if cell["difference_n"] else Markup(""),
        runs=[_run(run, places) for run in runs],
    )


def _run(run: Mapping[str, Any], places: Mapping[str, str]) -> tuple[int, str, str]:
    """The seed of a run, its score or status, and the folder of its record."""
    text = run["status"] if pd.isna(run["score"]) else f"{run['score']:.2f}"
    return run["seed"], text, places.get(run["run_id"], "")
