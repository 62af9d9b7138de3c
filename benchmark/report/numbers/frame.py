"""From a grid and its records to one data frame: a row per run and column, scored as its protocol says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmark.config.schema import METRICS, RunConfig
from benchmark.errors import BenchmarkError
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.records.record import Record, Scores

Rule = str | list["Rule"]  # how a paper averages: a task, or a list whose mean is meant

NOT_ROWS = ("model", "method", "task", "seed")  # axes that have a place of their own in a table


def scores(grid: Grid, records: dict[str, Record]) -> pd.DataFrame:
    """Columns ``model, variant, methods, task, seed, status, score``; score in percent, NaN if there is none.

    ``task`` is a column of the table: a task, unless the table declares others. ``methods`` has what the
    grid varies of a method beside its name, and ``variant`` whatever else it varies (a data subset, a
    learning rate), else ''. ``choice`` is where a run stands on the axes that are searched over, ``cell``
    its number in the grid, and ``lower`` whether less is better. Raises: BenchmarkError for a column that
    would mix metrics.
    """
    varied, searched, rows = distinguishing(grid), grid.table["search"], []
    for number, run in enumerate(grid.runs):
        config, record = run.config, records.get(run.run_id)
        at = placed(run)
        settings = {key: at[key] for key in varied if key in at}
        own = "".join(f" {k.split('.', 2)[-1]}={v}" for k, v in settings.items() if k.startswith("method."))
        for column, report, minus in columns_of(grid, config):
            rows.append(
                {
                    "model": config.model.name,
                    "variant": " ".join(
                        f"{k}={v}" for k, v in settings.items() if not k.startswith("method.")
                    ),
                    "methods": "+".join(sorted(config.method)) + own,
                    "task": column,
                    "seed": config.seed,
                    "status": record.status if record else "missing",
                    "score": 100 * reported(record, config, report, minus) if record else np.nan,
                    "run_id": run.run_id,
                    "metric": " + ".join(report),
                    "run": number,
                    "lower": bool(minus),  # a gap
                    "choice": ", ".join(f"{k.split('.')[-1]}={at[k]}" for k in searched if k in at),
                }
            )
    frame = pd.DataFrame(rows)
    for column, metrics in frame.groupby("task", sort=False)["metric"]:
        if len(different := metrics.unique()) > 1:
            raise BenchmarkError(
                f"{grid.name}: {column} is {different[0]} in some runs and {different[1]} in others, and no "
                f"average may mix them; see protocol.report.{column}"
            )
    return frame


def placed(run: PlannedRun) -> dict[str, str]:
    """Where a run stands on the axes of its grid."""
    return dict(override.split("=", 1) for override in run.overrides)


def distinguishing(grid: Grid) -> list[str]:
    """The axes that tell runs of the same model, task and methods apart, and so make rows of a table.

    A task makes rows only where the table's layout has it so, and an axis that is searched over never.
    """
    values: dict[tuple[str, ...], set[str | None]] = {}
    for run in grid.runs:
        at = placed(run)
        same = (run.config.model.name, run.config.task.name, *sorted(run.config.method))
        for key in grid.axes:
            values.setdefault((key, *same), set()).add(at.get(key))
    found = {at[0] for at, different in values.items() if len(different) > 1 and at[0] not in NOT_ROWS}
    found -= set(grid.table["search"])
    rows = {"task"} & set(grid.table["layout"]["rows"])
    return [key for key in grid.axes if key in found | rows]


def columns_of(grid: Grid, config: RunConfig) -> list[tuple[str, list[str], list[str]]]:
    """The columns that a run has a score for, each with what it reports and what is taken off that."""
    name = config.task.name
    if not grid.table["columns"]:
        return [(name, metric(config), [])]
    return [
        (key, column["report"], column["minus"])
        for key, column in grid.table["columns"].items()
        if name in column["tasks"]
    ]


def metric(config: RunConfig) -> list[str]:
    """What a task reports under a run's protocol: metrics to average, as ``metric`` or ``set/metric``.

    Without a rule in the protocol it is the first value of the task's first metric on its first evaluation set.
    """
    named = config.protocol.report.get(config.task.name)
    return named or [METRICS[config.task.metrics[0]][0]]


def reported(record: Record, config: RunConfig, report: list[str], minus: list[str]) -> float:
    """The score of a record as a fraction: the mean of ``report`` less that of ``minus``, where selected.

    ``selection: last`` takes the final evaluation and ``best`` the highest one, which is optimistic: the
    set that chooses is the set that is reported. Of a gap it is the score that is taken off which chooses.
    NaN for a run that diverged or whose labels are hidden.
    """
    if record.status != "finished" or not record.curve:
        return np.nan
    return score_in(record.curve[selected(record, config, report, minus)].scores, config, report, minus)


def score_in(scores: Scores, config: RunConfig, report: list[str], minus: list[str]) -> float:
    """The score of one evaluation as a fraction: the mean of ``report`` less that of ``minus``."""
    return _mean(scores, report, config) - (_mean(scores, minus, config) if minus else 0.0)


def selected(record: Record, config: RunConfig, report: list[str], minus: list[str]) -> int:
    """Which evaluation of a finished run its protocol reports, counted from the end: -1 is the last.

    Sets that are scored after the last update alone leave no other choice.
    """
    curve = record.curve
    if config.protocol.selection == "last":
        return -1
    first = next(iter(curve[-1].scores), "")
    sets = {name.rpartition("/")[0] or first for name in (*report, *minus)}
    complete = [at for at, one in enumerate(curve, -len(curve)) if sets <= one.scores.keys()]
    return max(complete, key=lambda at: _mean(curve[at].scores, minus or report, config), default=-1)


def _mean(by_set: dict[str, dict[str, float]], names: list[str], config: RunConfig) -> float:
    if not by_set:
        return np.nan
    return float(np.mean([_look_up(by_set, name, config) for name in names]))


def _look_up(by_set: dict[str, dict[str, float]], name: str, config: RunConfig) -> float:
    part, _, metric_name = name.rpartition("/")
    part = part or next(iter(by_set))
    if part not in by_set and part in config.task.evaluate:
        return np.nan  # its labels are hidden
    try:
        return by_set[part][metric_name]
    except KeyError:
        known = [f"{one}/{other}" for one, scores in by_set.items() for other in scores]
        raise BenchmarkError(
            f"protocol.report.{config.task.name}: no {name!r} among the scores ({', '.join(known)})"
        ) from None


def by_seed(frame: pd.DataFrame) -> dict[int, float]:
    """The scores of one table cell by seed; runs without a score are left out."""
    scored = frame[frame["score"].notna()]
    return dict(zip(scored["seed"].tolist(), scored["score"].tolist(), strict=True))


def average_by_seed(frame: pd.DataFrame, rule: Rule) -> dict[int, float]:
    """The average of ``rule`` (see ``average``) for every seed that has all its tasks."""
    averages = {}
    for seed, block in frame[frame["score"].notna()].groupby("seed"):
        value = average(dict(zip(block["task"], block["score"], strict=True)), rule)
        if value is not None:
            averages[int(str(seed))] = value
    return averages


def average(values: dict[str, float], rule: Rule) -> float | None:
    """The mean over ``rule``, taken recursively where it nests lists; None if a task of it has no value."""
    if isinstance(rule, str):
        return values.get(rule)
    parts = [average(values, part) for part in rule]
    return None if None in parts else float(np.mean([part for part in parts if part is not None]))
