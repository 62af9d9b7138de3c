"""The report of a grid: means, differences to plain fine-tuning, published numbers, verdicts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from benchmark.grids import recipe
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report import overall, words
from benchmark.report.evidence import gathered, no_arrays
from benchmark.report.judge import Verdict
from benchmark.report.notes import notes
from benchmark.report.numbers import cost, languages, selection
from benchmark.report.numbers.averages import averages
from benchmark.report.numbers.frame import CELL, Rule, columns_of
from benchmark.report.numbers.measured import measured, seeds
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.numbers.statistics import paired
from benchmark.report.published import AVERAGE
from benchmark.report.sections import Section, Sections

FURTHER = "Groups and averages: mean ± sample std (n seeds) [what the printed columns give by the same rule]"


@dataclass
class Report:
    """A table ready to be rendered.

    - ``preface``: sentences to read before the table.
    - ``numbers``: the table as tidy data, one row per cell.
    - ``averages``, ``languages``: further numbers of the same form; ``by_language`` shows the latter.
    - ``names``: headings of columns by their keys.
    - ``gains``: the mean gains of every method over all cells, as `overall.gains` gives them.
    - ``frame``: the runs behind the table, one per cell and seed, in the form of `frame.scores`.
    """

    title: str
    columns: list[str]
    sections: list[Section]
    notes: list[str]
    numbers: pd.DataFrame
    labels: dict[str, str] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    rule: Rule = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    gains: pd.DataFrame = field(default_factory=pd.DataFrame)
    averages: pd.DataFrame = field(default_factory=pd.DataFrame)
    languages: pd.DataFrame = field(default_factory=pd.DataFrame)
    by_language: list[Section] = field(default_factory=list)
    preface: list[str] = field(default_factory=list)


def build(
    grid: Grid, records: dict[str, Record], arrays: Arrays = no_arrays, failed: Collection[str] = ()
) -> Report:
    """Report of a grid from the records that exist; notes name the missing runs.

    ``failed`` are the ids of runs that ended in an error. ``arrays`` gives a run's arrays by its id. Without
    them, numbers from predictions and probes are left out.
    """
    table = grid.table
    evidence = gathered(grid, records, arrays, failed)
    frame, columns, rule, printed = evidence.frame, evidence.columns, evidence.rule, evidence.printed
    layout, labels, tasks = table["layout"], labels_of(grid), list(dict.fromkeys(frame["task"]))
    numbers = measured(frame, columns, rule, evidence.shares, evidence.planned)
    if evidence.fair is not None and not evidence.fair.empty:
        fair = selection.with_scores(frame, evidence.fair)
        numbers = with_fair(numbers, measured(fair, columns, rule))
    if printed:
        numbers = printed.joined(numbers)
    changed = recipe.changed(grid) if table["claims"] else {}
    if "p_value" in layout["statistic"]:
        numbers = with_p_values(numbers, frame, rule)
    own = {AVERAGE: rule} if AVERAGE in columns else {}
    further = averages(frame, own | table["averages"], printed.printed_rows() if printed else {})
    spent = cost.costs(frame, records) if table.get("cost") else None
    maker = Sections(columns, labels, len(set(frame["seed"])), printed)
    sections = sections_of(table, maker, numbers, evidence.source, further, spent)
    if spent is not None:
        numbers = numbers.merge(spent, how="left", on=CELL)
    names = {task: _column(grid, task, labels) for task in tasks}
    pooled = overall.gains(overall.distinct(frame), rule)
    spoken = languages.by_language(grid, frame, records) if layout["by_language"] else pd.DataFrame()
    return Report(
        title=table["title"],
        columns=[*names.values(), *columns[len(tasks) :]],
        sections=[*overall.sections(pooled, list(dict.fromkeys(frame["model"])), labels), *sections],
        notes=notes(evidence, numbers, labels),
        numbers=numbers,
        labels=labels,
        verdicts=evidence.verdicts(bool(changed)),
        preface=[words.reason(changed)] if changed else [],
        frame=frame,
        rule=rule,
        names=names,
        gains=pooled,
        averages=further if table["averages"] else pd.DataFrame(),
        languages=spoken,
        by_language=languages.sections(spoken, names, labels),
    )


def labels_of(grid: Grid) -> dict[str, str]:
    """Shown names of models, tasks and declared columns, by their keys."""
    parts = (part for run in grid.runs for part in (run.config.model, run.config.task))
    declared = {key: column["label"] for key, column in grid.table["columns"].items()}
    return {part.name: part.label for part in parts} | declared


def sections_of(
    table: dict[str, Any],
    maker: Sections,
    numbers: pd.DataFrame,
    source: dict[str, Any] | None,
    further: pd.DataFrame,
    spent: pd.DataFrame | None,
) -> list[Section]:
    """The sections that a table shows, without empty ones.

    ``further`` has its averages, ``spent`` its costs; None if it does not show them.
    """
    statistics = table["layout"]["statistic"]
    sections = maker.measured(numbers, statistics)
    if "p_value" in statistics:
        sections.insert(1, maker.p_values(numbers, source))
    if source and source["rows"]:
        sections += maker.beside(numbers)
    if table["averages"] and not further.empty:
        headings = list(dict.fromkeys(further["task"]))
        sections.append(Section(FURTHER, maker.averages(further, table["averages"]), headings))
    if spent is not None:
        headings = list(cost.COLUMNS.values())
        costs = maker.rows(cost.shown(spent), headings, lambda cell, _: cell["text"])
        sections.append(Section(cost.TITLE, costs, headings))
    return [section for section in sections if section.rows]


def with_fair(numbers: pd.DataFrame, fair: pd.DataFrame) -> pd.DataFrame:
    """``numbers`` with the scores, differences and chosen settings of the leak-free rule, as ``fair_…``."""
    wanted = ("score_", "difference_", "chosen")
    fields = [name for name in fair if name.startswith(wanted) and "sampling" not in name]
    named = {name: f"fair_{name.removeprefix('score_')}" for name in fields}
    return numbers.merge(fair[[*CELL, *fields]].rename(columns=named), how="left", on=CELL)


def with_p_values(numbers: pd.DataFrame, frame: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """``numbers`` with uncorrected p-values: ``p_paired``, ``p_welch`` and ``p_wilcoxon``."""
    p_values = []
    for cell in numbers.to_dict("records"):
        block = frame[(frame["model"] == cell["model"]) & (frame["variant"] == cell["variant"])]
        sides = [seeds(block[block["methods"] == name], cell["task"], rule) for name in (cell["methods"], "")]
        mine, vanilla = paired(*sides)
        tests = dict.fromkeys(("p_welch", "p_wilcoxon"), np.nan)
        if cell["methods"] and len(mine) > 1 and np.ptp(mine - vanilla) > 0:
            tests["p_welch"] = float(stats.ttest_ind(mine, vanilla, equal_var=False)[1])
            tests["p_wilcoxon"] = float(stats.wilcoxon(mine, vanilla)[1])
        p_values.append({"p_paired": cell["difference_p_alone"]} | tests)
    return pd.concat([numbers, pd.DataFrame(p_values, index=numbers.index)], axis=1)


def _column(grid: Grid, task: str, labels: dict[str, str]) -> str:
    of_runs = (column for run in grid.runs for column in columns_of(grid, run.config))
    report, minus = next((report, minus) for name, report, minus in of_runs if name == task)
    short = {"matthews_correlation": "Matthews"}
    names = [short.get(name, name).replace("/", " ") for name in report]
    return f"{labels[task] or task} ({' + '.join(names)})" if not minus else labels[task] or task
