"""A table as people read it: measured means, differences to plain fine-tuning, published numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmark.grid import Grid
from benchmark.report import cost, published
from benchmark.report.frame import Rule, average_by_seed, by_seed, columns_of, scores
from benchmark.report.notes import notes
from benchmark.report.published import AVERAGE
from benchmark.report.statistics import Estimate, estimate, paired_difference
from benchmark.store import Record

PLAIN = "plain fine-tuning"
BEST = "*"


@dataclass(frozen=True)
class Section:
    """A block of rows under one heading; ``rows`` are (model, method, cell, cell, …) as text.

    ``columns`` are the cells' headings where they are not the table's.
    """

    title: str
    rows: list[list[str]]
    columns: list[str] | None = None


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
    } | {key: column["label"] for key, column in grid.table["columns"].items()}
    tasks = list(dict.fromkeys(frame["task"]))
    declared = len(set(frame["seed"]))
    source = published.load(grid.table["published"]) if grid.table["published"] else None
    source = source if source and source["rows"] else None
    rule = averaging_rule(frame, tasks, source, bool(grid.table["columns"]))
    columns = [*tasks, AVERAGE] if len(tasks) > 1 and rule else tasks
    numbers = measured(frame, columns, rule)
    if source:
        numbers = with_published(numbers, source, grid, frame)

    def section(title: str, rows: pd.DataFrame, show: Callable[[pd.Series, int], str]) -> Section:
        return Section(title, _rows(rows, columns, labels, declared, show))

    sections = [
        section(
            f"Score: mean ± sample std (n seeds of {declared}); {BEST} best of its model", numbers, _score
        ),
        section(
            f"Difference to {PLAIN}, paired by seed: mean [95 % interval]",
            numbers[(numbers["methods"] != "") & (numbers["difference_n"] > 0)],
            _difference,
        ),
    ]
    if source:
        beside = numbers[numbers["published"].notna()]
        if not beside.empty:
            sections.append(section("Measured − published (published)", beside, _beside))
        citation = f"{source['paper']['venue']}, {source['item']['kind']} {source['item']['number']}"
        sections.append(Section(f"Published: {citation}", _published_rows(source, columns)))
    if grid.table.get("cost"):
        spent = cost.costs(frame, records)
        numbers = numbers.merge(spent, how="left", on=cost.CELL)
        headings = list(cost.COLUMNS.values())
        rows = _rows(cost.shown(spent), headings, labels, declared, lambda cell, _: cell["text"])
        sections.append(Section(cost.TITLE, rows, headings))
    return Table(
        title=grid.table["title"],
        columns=[_column(grid, task, labels) for task in tasks] + columns[len(tasks) :],
        sections=[section for section in sections if section.rows],
        notes=notes(grid, frame, numbers, records, labels),
        numbers=numbers,
        labels=labels,
    )


def averaging_rule(
    frame: pd.DataFrame, tasks: Sequence[str], source: dict[str, Any] | None, own_columns: bool
) -> Rule:
    """The paper's rule where all its tasks are there, else the plain mean of the tasks that have scores.

    A task whose labels are hidden can never have one, and does not keep the others from an average. Columns
    that a table declares need not be of a kind: without a rule of the paper they have no average.
    """
    rule = published.rule_of(source) if source else None
    if rule and published.tasks_of(rule) <= set(tasks):
        return rule
    if own_columns:
        return []
    hidden = {
        task
        for task, block in frame.groupby("task")
        if (block["status"] == "finished").any() and block["score"].isna().all()
    }
    return [task for task in tasks if task not in hidden]


def measured(frame: pd.DataFrame, columns: Sequence[str], rule: Rule) -> pd.DataFrame:
    """One row per model, variant, methods and column: score, paired difference, and runs by status."""
    rows: list[dict[str, Any]] = []
    for (model, variant), block in frame.groupby(["model", "variant"], sort=False):
        baseline = block[block["methods"] == ""]
        for methods, ours in block.groupby("methods", sort=False):
            for column in columns:
                mine, plain = (_seeds(part, column, rule) for part in (ours, baseline))
                difference = paired_difference(mine, plain) if methods else estimate(np.array([]))
                runs = ours[ours["task"] == column] if column != AVERAGE else ours
                rows.append(
                    {"model": model, "variant": variant, "methods": methods, "task": column}
                    | _named("score", estimate(np.array(list(mine.values()))))
                    | _named("difference", difference)
                    | {
                        f"runs_{status}": int((runs["status"] == status).sum())
                        for status in ("finished", "diverged", "missing")
                    }
                )
    numbers = pd.DataFrame(rows)
    highest = numbers.groupby(["model", "variant", "task"])["score_mean"].transform("max")
    rivals = numbers.groupby(["model", "variant", "task"])["score_mean"].transform("count")
    return numbers.assign(best=(numbers["score_mean"] == highest) & (rivals > 1))


def with_published(
    numbers: pd.DataFrame, source: dict[str, Any], grid: Grid, frame: pd.DataFrame
) -> pd.DataFrame:
    """``numbers`` with a column ``published``: the printed number of the same runs, column and metric.

    A printed average stands only beside an average over the same tasks, each with the same metric.
    """
    configs = {cell.run_id: cell.config for cell in grid.cells}
    shown = {
        at: published.row_of(source, grid.table, configs[str(block["run_id"].iloc[0])])
        for at, block in frame.groupby(["model", "variant", "methods"], sort=False)
    }
    metrics = frame.drop_duplicates("task").set_index("task")["metric"].str.split(" + ", regex=False)
    same = {task for task, names in metrics.items() if published.measures(source, str(task), names)}
    whole = same == set(metrics.index) == published.tasks_of(published.rule_of(source) or [])

    def printed(number: dict[str, Any]) -> float | None:
        row = shown[number["model"], number["variant"], number["methods"]]
        if row is None:
            return None
        if number["task"] == AVERAGE:
            return row.get("average_printed") if whole else None
        return row["values"].get(number["task"]) if number["task"] in same else None

    found = [printed(number) for number in numbers.to_dict("records")]
    return numbers.assign(published=pd.array(found, dtype="Float64"))


def _seeds(frame: pd.DataFrame, column: str, rule: Rule) -> dict[int, float]:
    return average_by_seed(frame, rule) if column == AVERAGE else by_seed(frame[frame["task"] == column])


def _named(prefix: str, value: Estimate) -> dict[str, float]:
    parts = {"mean": value.mean, "std": value.std, "n": value.n, "low": value.low, "high": value.high}
    return {f"{prefix}_{name}": part for name, part in parts.items()}


def _rows(
    numbers: pd.DataFrame,
    columns: Sequence[str],
    labels: dict[str, str],
    declared: int,
    show: Callable[[pd.Series, int], str],
) -> list[list[str]]:
    rows = []
    for (model, variant, methods), block in numbers.groupby(["model", "variant", "methods"], sort=False):
        cells = {row["task"]: show(row, declared) for _, row in block.iterrows()}
        name = f"{labels.get(str(model)) or model} {variant}".strip()
        rows.append([name, str(methods) or PLAIN, *(cells.get(column, "–") for column in columns)])
    return rows


def _score(cell: pd.Series, declared: int) -> str:
    if not cell["score_n"]:
        for status in ("missing", "diverged"):
            if cell[f"runs_{status}"]:
                return status
        return "hidden"
    spread = f" ± {cell['score_std']:.2f}" if cell["score_n"] > 1 else ""
    mark = BEST if cell["best"] else ""
    return f"{cell['score_mean']:.2f}{mark}{spread} ({_count(int(cell['score_n']), declared)})"


def _difference(cell: pd.Series, declared: int) -> str:
    if not cell["difference_n"]:
        return "–"
    interval = (
        f" [{cell['difference_low']:+.2f}, {cell['difference_high']:+.2f}]"
        if cell["difference_n"] > 1
        else ""
    )
    n = int(cell["difference_n"])
    return f"{cell['difference_mean']:+.2f}{interval}" + (f" ({_count(n, declared)})" if n < declared else "")


def _beside(cell: pd.Series, declared: int) -> str:
    if pd.isna(cell["published"]):
        return "–"
    gap = f"{cell['score_mean'] - cell['published']:+.2f}" if cell["score_n"] else "–"
    return f"{gap} ({cell['published']:.1f})"


def _count(n: int, declared: int) -> str:
    """A mean over fewer seeds than declared says so."""
    return f"{n} of {declared}" if n < declared else f"{n}"


def _column(grid: Grid, task: str, labels: dict[str, str]) -> str:
    of_cells = (column for cell in grid.cells for column in columns_of(grid, cell.config))
    report, minus = next((report, minus) for name, report, minus in of_cells if name == task)
    short = {"matthews_correlation": "Matthews"}
    names = [short.get(name, name).replace("/", " ") for name in report]
    return f"{labels[task] or task} ({' + '.join(names)})" if not minus else labels[task] or task


def _published_rows(source: dict[str, Any], columns: Sequence[str]) -> list[list[str]]:
    """The printed rows; the average only beside the tasks it was taken over."""
    decimals = source["decimals"]
    whole = published.tasks_of(published.rule_of(source) or []) == set(columns) - {AVERAGE}
    rows = []
    for row in source["rows"]:
        printed = dict(row["values"]) | ({AVERAGE: row.get("average_printed")} if whole else {})
        method = PLAIN if row.get("method") == published.VANILLA else row.get("method", "–")
        method += "".join(f" {key}={row[key]}" for key in ("sigma", "train_set") if key in row)
        cells = (printed.get(column) for column in columns)
        written = (f"{v:.{decimals}f}" if v is not None else "–" for v in cells)
        rows.append([row.get("model", row["label"]), method, *written])
    return rows
