"""What is inside the columns that are means over languages: a score per language, and their differences."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.numbers.frame import columns_of, score_in, selected
from benchmark.report.numbers.measured import measured
from benchmark.report.sections import PLAIN, Section

ARM = ["model", "variant", "methods"]
TITLE = "by language: mean over seeds (difference to plain fine-tuning, paired by seed)"


def by_language(grid: Grid, frame: pd.DataFrame, records: Mapping[str, Record]) -> pd.DataFrame:
    """`measured.measured` per language, with ``column`` of the table and ``language`` in the place of ``task``.

    Columns that are no mean over languages are left out, and so are runs without a score.
    """
    found = []
    for column, block in frame.groupby("task", sort=False):
        rows = [row for run in block.to_dict("records") for row in _of_run(grid, run, records)]
        if not rows:
            continue
        scores = pd.DataFrame(rows)
        languages = list(dict.fromkeys(scores["task"]))
        numbers = measured(scores, languages, []).rename(columns={"task": "language"})
        found.append(numbers.assign(column=column))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _of_run(grid: Grid, run: dict[str, object], records: Mapping[str, Record]) -> list[dict[str, object]]:
    """The rows of a run and column, as `frame.scores` gives them, once per language."""
    record = records.get(str(run["run_id"]))
    if record is None or record.status != "finished" or not record.curve:
        return []
    config = grid.runs[int(str(run["run"]))].config
    report, minus = next((r, m) for name, r, m in columns_of(grid, config) if name == run["task"])
    entry = record.curve[selected(record, config, report, minus)]
    parts = [name.rpartition("/")[0] for name in (*report, *minus)]
    rows = []
    for language in _languages(config, entry.scores, parts):
        own = [[_of_language(name, language) for name in names] for names in (report, minus)]
        score = 100 * score_in(entry.scores, config, *own)
        rows.append(run | {"task": language, "score": score})
    return rows


def _languages(config: RunConfig, scores: Mapping[str, object], parts: list[str]) -> list[str]:
    """The languages that all evaluation sets of a column have."""
    sets = config.task.evaluate
    known = [one for part in parts if part in sets for one in sets[part].languages]
    return [one for one in dict.fromkeys(known) if all(f"{part}/{one}" in scores for part in parts)]


def _of_language(name: str, language: str) -> str:
    part, _, metric = name.rpartition("/")
    return f"{part}/{language}/{metric}"


def sections(numbers: pd.DataFrame, names: Mapping[str, str], labels: Mapping[str, str]) -> list[Section]:
    """A block per column (called as in ``names``) and model, languages from top to bottom."""
    found = []
    for (column, model), block in [] if numbers.empty else numbers.groupby(["column", "model"], sort=False):
        arms = block.groupby(["variant", "methods"], sort=False)
        headings = [arm(str(variant), str(methods)) for (variant, methods), _ in arms]
        by_arm = [{cell["language"]: _cell(cell) for cell in one.to_dict("records")} for _, one in arms]
        rows = [
            [language, *(cells.get(language, "–") for cells in by_arm)]
            for language in dict.fromkeys(block["language"])
        ]
        title = f"{names[str(column)]} — {labels.get(str(model)) or model}, {TITLE}"
        found.append(Section(title, rows, headings, head=("Language",)))
    return found


def arm(variant: str, methods: str) -> str:
    """What runs are called beside runs of the same model: what their grid varies, without the key's path."""
    settings = [part.rpartition(".")[2].rpartition("=")[2] for part in variant.split()]
    return " · ".join([*settings, methods or PLAIN])


def _cell(cell: dict[str, object]) -> str:
    apart = f" ({cell['difference_mean']:+.2f})" if cell["difference_n"] else ""
    return f"{cell['score_mean']:.2f}{apart}" if cell["score_n"] else "–"
