"""Scores and differences by language, for columns that are means over languages."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.numbers.frame import columns_of, score_in, selected
from benchmark.report.numbers.measured import measured
from benchmark.report.sections import VANILLA_LABEL, Section

ARM = ["model", "variant", "methods"]  # columns that name an arm
BY_LANGUAGE = "by language: mean over seeds (difference to plain fine-tuning, paired by seed)"


def by_language(grid: Grid, frame: pd.DataFrame, records: Mapping[str, Record]) -> pd.DataFrame:
    """Numbers by ``column`` of the table and ``language``, as `measured` gives them by ``task``.

    Columns that are not means over languages are left out, and so are runs without a score.
    """
    by_column = []
    for column, block in frame.groupby("task", sort=False):
        rows = [row for run in block.to_dict("records") for row in _run_rows(grid, run, records)]
        if not rows:
            continue
        scores = pd.DataFrame(rows)
        languages = list(dict.fromkeys(scores["task"]))
        numbers = measured(scores, languages, []).rename(columns={"task": "language"})
        by_column.append(numbers.assign(column=column))
    return pd.concat(by_column, ignore_index=True) if by_column else pd.DataFrame()


def _run_rows(grid: Grid, run: dict[str, object], records: Mapping[str, Record]) -> list[dict[str, object]]:
    """One row per language for a run and column, in the form of `frame.scores`."""
    record = records.get(str(run["run_id"]))
    if record is None or record.status != "finished" or not record.curve:
        return []
    config = grid.runs[int(str(run["run"]))].config
    report, minus = next((r, m) for name, r, m in columns_of(grid, config) if name == run["task"])
    entry = record.curve[selected(record, config, report, minus)]
    sets = [name.rpartition("/")[0] for name in (*report, *minus)]
    rows = []
    for language in _languages(config, entry.scores, sets):
        names_by_side = [[_language_metric(name, language) for name in names] for names in (report, minus)]
        score = 100 * score_in(entry.scores, config, *names_by_side)
        rows.append(run | {"task": language, "score": score})
    return rows


def _languages(config: RunConfig, scores: Mapping[str, object], names: list[str]) -> list[str]:
    """The languages that all evaluation sets of a column share."""
    sets = config.task.evaluate
    known = [language for name in names if name in sets for language in sets[name].languages]
    return [code for code in dict.fromkeys(known) if all(f"{name}/{code}" in scores for name in names)]


def _language_metric(name: str, language: str) -> str:
    set_name, _, metric = name.rpartition("/")
    return f"{set_name}/{language}/{metric}"


def sections(numbers: pd.DataFrame, names: Mapping[str, str], labels: Mapping[str, str]) -> list[Section]:
    """One section per column and model, languages from top to bottom.

    ``names`` has the heading of each column.
    """
    all_sections = []
    for (column, model), block in [] if numbers.empty else numbers.groupby(["column", "model"], sort=False):
        arms = block.groupby(["variant", "methods"], sort=False)
        headings = [arm(str(variant), str(methods)) for (variant, methods), _ in arms]
        by_arm = [
            {cell["language"]: _cell(cell) for cell in numbers_of_arm.to_dict("records")}
            for _, numbers_of_arm in arms
        ]
        rows = [
            [language, *(cells.get(language, "–") for cells in by_arm)]
            for language in dict.fromkeys(block["language"])
        ]
        title = f"{names[str(column)]} — {labels.get(str(model)) or model}, {BY_LANGUAGE}"
        all_sections.append(Section(title, rows, headings, header=("Language",)))
    return all_sections


def arm(variant: str, methods: str) -> str:
    """Label of an arm beside others of its model: its variant's values, its methods.

    The paths of keys are left out.
    """
    settings = [part.rpartition(".")[2].rpartition("=")[2] for part in variant.split()]
    return " · ".join([*settings, methods or VANILLA_LABEL])


def _cell(cell: dict[str, object]) -> str:
    apart = f" ({cell['difference_mean']:+.2f})" if cell["difference_n"] else ""
    return f"{cell['score_mean']:.2f}{apart}" if cell["score_n"] else "–"
