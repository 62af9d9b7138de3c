"""The content of a table's dashboard: which runs, how grouped, which scores, and what our report says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report import render
from benchmark.report.build import Report, build
from benchmark.report.numbers.frame import columns_of, distinguishing
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.one_origin import of_one_origin
from benchmark.report.shared import shareable

DIFFERENCES = "Difference to "  # the begin of a section's title
METHODS = "method"
NAMED = ("task", "model", "protocol")  # axes whose values are parts of a configuration that have a name


@dataclass(frozen=True)
class Content:
    """The content of a dashboard.

    ``runs`` are ids. ``groups`` are the keys of a run's configuration by which the table groups its runs;
    METHODS stands for the job type. ``scores`` are names such as ``validation/accuracy``, each with the tasks
    that report it. ``table`` and ``differences`` are Markdown.
    """

    name: str
    title: str
    runs: list[str]
    groups: list[str]
    scores: dict[str, list[str]]
    table: str
    differences: str


def content_of(grid: Grid, records: Mapping[str, Record], arrays: Arrays) -> Content:
    """The content of a grid's dashboard, from the records that exist."""
    records, mixed = of_one_origin(grid, dict(records))
    report = build(grid, records, arrays)
    report.notes.extend(mixed)
    report = shareable(report)
    return Content(
        name=grid.name,
        title=report.title,
        runs=list(dict.fromkeys(run.run_id for run in grid.runs)),
        groups=groups_of(grid),
        scores=scores_of(grid),
        table=render.markdown(report),
        differences=differences_of(report),
    )


def groups_of(grid: Grid) -> list[str]:
    """The keys that differ between rows or columns of the table, methods last."""
    varied = [key for key, values in grid.axes.items() if len(values) > 1]
    parts = [f"{key}.name" for key in NAMED if key in varied]
    settings = [key for key in distinguishing(grid) if "." in key]
    return [*parts, *settings, *([METHODS] if METHODS in varied else [])]


def scores_of(grid: Grid) -> dict[str, list[str]]:
    """The scores that the table reports, with the labels of their tasks."""
    scores: dict[str, list[str]] = {}
    for task, config in {run.config.task.name: run.config for run in grid.runs}.items():
        for _, report, minus in columns_of(grid, config):
            for name in (*report, *minus):
                part, _, metric = name.rpartition("/")
                shown = scores.setdefault(f"{part or next(iter(config.task.evaluate))}/{metric}", [])
                if (label := config.task.label or task) not in shown:
                    shown.append(label)
    return scores


def differences_of(report: Report) -> str:
    """The paired differences alone, as Markdown; empty if there are none yet."""
    sections = [section for section in report.sections if section.title.startswith(DIFFERENCES)]
    if not sections:
        return ""
    return render.markdown(
        replace(report, preface=[], sections=sections, verdicts=[], notes=[], by_language=[])
    )
