"""A table as people read it: measured means, differences to plain fine-tuning, published numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmark.grid import Grid
from benchmark.report import published
from benchmark.report.frame import average_by_seed, by_seed, metric, scores
from benchmark.report.statistics import Estimate, estimate, paired_difference
from benchmark.store import Record

AVERAGE = "Avg."
PLAIN = "plain fine-tuning"
PLACES = ("store", "cache", "device")  # where a grid runs is no change to it


@dataclass(frozen=True)
class Section:
    """A block of rows under one heading; ``rows`` are (model, method, cell, cell, …) as text."""

    title: str
    rows: list[list[str]]


@dataclass
class Table:
    """Everything a renderer needs; ``numbers`` is the same as tidy data, one row per table cell."""

    title: str
    columns: list[str]
    sections: list[Section]
    notes: list[str]
    numbers: pd.DataFrame
    labels: dict[str, str] = field(default_factory=dict)


def build(grid: Grid, records: dict[str, Record]) -> Table:
    """The table of a grid from whatever records there are; what is missing is said."""
    frame = scores(grid, records)
    labels = {
        c.config[part]["name"]: c.config[part]["label"] for c in grid.cells for part in ("model", "task")
    }
    tasks = list(dict.fromkeys(frame["task"]))
    declared = len(set(frame["seed"]))
    source = published.load(grid.table["published"]) if grid.table.get("published") else None
    numbers = measured(frame, tasks)
    if source:
        numbers = with_published(numbers, source, grid.table.get("published_models") or {}, tasks)
    columns = [*tasks, AVERAGE] if len(tasks) > 1 else tasks
    sections = [
        Section(
            f"Score: mean ± sample std over {declared} seeds",
            _rows(numbers, columns, labels, declared, "score"),
        ),
        Section(
            f"Difference to {PLAIN}, paired by seed: mean [95 % interval]",
            _rows(numbers[numbers["methods"] != ""], columns, labels, declared, "difference"),
        ),
    ]
    if source:
        sections.append(Section(f"Published: {_citation(source)}", _published_rows(source, columns)))
    return Table(
        title=grid.table.get("title") or grid.name,
        columns=[_column(grid, task, labels) for task in tasks] + columns[len(tasks) :],
        sections=[section for section in sections if section.rows],
        notes=_notes(grid, frame, numbers, records, source, labels),
        numbers=numbers,
        labels=labels,
    )


def measured(frame: pd.DataFrame, tasks: Sequence[str]) -> pd.DataFrame:
    """One row per model, variant, methods and task (and average): score and paired difference."""
    rows: list[dict[str, Any]] = []
    for (model, variant), block in frame.groupby(["model", "variant"], sort=False):
        baseline = block[block["methods"] == ""]
        for methods, ours in block.groupby("methods", sort=False):
            for task in [*tasks, AVERAGE] if len(tasks) > 1 else tasks:
                mine, plain = (_seeds(part, task, tasks) for part in (ours, baseline))
                difference = paired_difference(mine, plain) if methods else estimate(np.array([]))
                runs = ours[ours["task"] == task] if task != AVERAGE else ours
                rows.append(
                    {"model": model, "variant": variant, "methods": methods, "task": task}
                    | _named("score", estimate(np.array(list(mine.values()))))
                    | _named("difference", difference)
                    | {
                        f"runs_{status}": int((runs["status"] == status).sum())
                        for status in ("finished", "diverged", "missing")
                    }
                )
    return pd.DataFrame(rows)


def with_published(
    numbers: pd.DataFrame, source: dict[str, Any], models: dict[str, str], tasks: Sequence[str]
) -> pd.DataFrame:
    """``numbers`` with a column ``published``: the printed number of the same model, method and task."""
    found = [
        published.value(source, models.get(row.model), row.methods, row.task) for row in numbers.itertuples()
    ]
    return numbers.assign(published=pd.array(found, dtype="Float64"))


def _seeds(frame: pd.DataFrame, task: str, tasks: Sequence[str]) -> dict[int, float]:
    return average_by_seed(frame, tasks) if task == AVERAGE else by_seed(frame[frame["task"] == task])


def _named(prefix: str, value: Estimate) -> dict[str, float]:
    parts = {"mean": value.mean, "std": value.std, "n": value.n, "low": value.low, "high": value.high}
    return {f"{prefix}_{name}": part for name, part in parts.items()}


def _rows(
    numbers: pd.DataFrame, columns: Sequence[str], labels: dict[str, str], declared: int, kind: str
) -> list[list[str]]:
    show = _score_text if kind == "score" else _difference_text
    rows = []
    for (model, variant, methods), block in numbers.groupby(["model", "variant", "methods"], sort=False):
        by_task = block.set_index("task")
        name = f"{labels.get(str(model)) or model} {variant}".strip()
        rows.append(
            [name, str(methods) or PLAIN, *(show(by_task.loc[column], declared) for column in columns)]
        )
    return rows


def _score_text(cell: pd.Series, declared: int) -> str:
    if not cell["score_n"]:
        return "diverged" if cell["runs_diverged"] else "–"
    spread = f" ± {cell['score_std']:.2f}" if cell["score_n"] > 1 else ""
    return f"{cell['score_mean']:.2f}{spread}{_incomplete(int(cell['score_n']), declared)}"


def _difference_text(cell: pd.Series, declared: int) -> str:
    if not cell["difference_n"]:
        return "–"
    interval = (
        f" [{cell['difference_low']:+.2f}, {cell['difference_high']:+.2f}]"
        if cell["difference_n"] > 1
        else ""
    )
    return f"{cell['difference_mean']:+.2f}{interval}{_incomplete(int(cell['difference_n']), declared)}"


def _incomplete(n: int, declared: int) -> str:
    """A mean over fewer seeds than declared says so."""
    return f" ({n} of {declared})" if n < declared else ""


def _column(grid: Grid, task: str, labels: dict[str, str]) -> str:
    config = next(cell.config for cell in grid.cells if cell.config["task"]["name"] == task)
    short = {"matthews_correlation": "Matthews"}
    names = [short.get(name, name).replace("/", " ") for name in metric(config)]
    return f"{labels[task] or task} ({' + '.join(names)})"


def _citation(source: dict[str, Any]) -> str:
    return f"{source['paper']['venue']}, {source['item']['kind']} {source['item']['number']}"


def _published_rows(source: dict[str, Any], columns: Sequence[str]) -> list[list[str]]:
    """The printed rows; the average only beside the tasks it was taken over."""
    decimals = source["decimals"]
    whole = set(source["average"]["mean_of"]) == set(columns) - {AVERAGE}
    rows = []
    for row in source["rows"]:
        values = [row["values"].get(column) for column in columns if column != AVERAGE]
        if AVERAGE in columns:
            values.append(row["average_printed"] if whole else None)
        method = PLAIN if row["method"] == published.VANILLA else row["method"]
        rows.append([row["model"], method, *(f"{v:.{decimals}f}" if v is not None else "–" for v in values)])
    return rows


def _notes(
    grid: Grid,
    frame: pd.DataFrame,
    numbers: pd.DataFrame,
    records: dict[str, Record],
    source: dict[str, Any] | None,
    labels: dict[str, str],
) -> list[str]:
    notes = []
    changed = {key: values for key, values in grid.changed.items() if key not in PLACES}
    if changed:
        changes = ", ".join(f"{key}={','.join(values)}" for key, values in changed.items())
        notes.append(f"The grid was changed from the one declared: {changes}.")
    if source and not numbers["published"].notna().any():
        models = ", ".join(sorted({labels[model] or model for model in numbers["model"]}))
        notes.append(
            f"Published rows are for other models than {models}: they show what the paper reports, and are "
            f"not what these runs should equal."
        )
    runs = frame.drop_duplicates("run_id")
    for status, what in (
        ("missing", "are missing (not run, or failed)"),
        ("diverged", "diverged (their loss stopped being a number) and have no score"),
    ):
        if count := int((runs["status"] == status).sum()):
            notes.append(f"{count} of {len(runs)} runs {what}; means are over the others.")
    if collapsed := sum(bool(record["collapsed"]) for record in records.values()):
        notes.append(f"{collapsed} of {len(runs)} runs collapsed to one answer for every example.")
    if records:
        selection = {cell.config["protocol"]["selection"] for cell in grid.cells}
        notes.append(f"Checkpoint scored: {', '.join(sorted(selection))}.")
        notes += [f"Measured with {line}." for line in _environments(records)]
    return notes


def _environments(records: dict[str, Record]) -> list[str]:
    lines: dict[str, None] = {}  # a set that keeps its order
    for record in records.values():
        stamp = record["environment"]
        code = (stamp["code"]["commit"] or "no commit")[:12] + (
            " + changes" if stamp["code"]["dirty"] else ""
        )
        packages = stamp["packages"]
        lines[
            f"{stamp['device']}, {stamp['precision']}, torch {packages['torch']}, transformers "
            f"{packages['transformers']}, code {code}"
        ] = None
    return list(lines)
