"""One data frame from a grid and its records: a row per run and column, scored by the run's protocol."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from benchmark.config.schema import METRICS, SELECTIONS, RunConfig
from benchmark.config.scores import chooses, has_layers
from benchmark.config.splits import first_metric
from benchmark.errors import BenchmarkError
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.grids.selectors import NOT_ROWS
from benchmark.records.record import Record, Scores
from benchmark.report.numbers import layers

Rule = str | list["Rule"]  # a paper's average: one task, or the mean of a list

CELL = ["model", "variant", "methods", "task"]  # columns of a frame that name a cell of the table
TEXTS = ["model", "variant", "methods", "task", "status", "run_id", "metric", "choice"]


def scores(grid: Grid, records: Mapping[str, Record], failed: Collection[str] = ()) -> pd.DataFrame:
    """One row per run and column of the table, with status and score.

    ``failed`` are the ids of runs that ended in an error.

    - ``task``: the column, which is a task unless the table declares columns of its own.
    - ``methods``: the methods, with those of their hyper-parameters that the grid varies.
    - ``variant``: everything else that the grid varies (a data subset, a learning rate), else ''.
    - ``choice``: the run's place on the axes that are searched over.
    - ``cell``: the run's number in the grid.
    - ``lower``: True if less is better.
    - ``score``: in percent; NaN without one.
    - ``status``: finished, diverged, failed or missing (not run).
    - ``collapsed``: the evaluation sets on which the final model gives one answer to everything.
    - Further columns: ``model``, ``seed``, ``run_id``, ``metric``.

    Raises: BenchmarkError for a column that would mix metrics.
    """
    varied, searched, rows = distinguishing(grid), grid.table["search"], []
    for number, run in enumerate(grid.runs):
        config, record = run.config, records.get(run.run_id)
        place = placed(run)
        settings = {key: place[key] for key in varied if key in place}
        hyper_parameters = "".join(
            f" {k.split('.', 2)[-1]}={v}" for k, v in settings.items() if k.startswith("method.")
        )
        for column, report, minus in columns_of(grid, config):
            rows.append(
                {
                    "model": config.model.name,
                    "variant": " ".join(
                        f"{k}={v}" for k, v in settings.items() if not k.startswith("method.")
                    ),
                    "methods": "+".join(sorted(config.method)) + hyper_parameters,
                    "task": column,
                    "seed": config.seed,
                    "status": record.status if record else "failed" if run.run_id in failed else "missing",
                    "collapsed": frozenset(record.collapsed if record else ()),
                    "score": 100 * reported(record, config, report, minus) if record else np.nan,
                    "run_id": run.run_id,
                    "metric": " + ".join(report),
                    "run": number,
                    "lower": bool(minus),  # a gap
                    "choice": ", ".join(f"{k.split('.')[-1]}={place[k]}" for k in searched if k in place),
                }
            )
    frame = pd.DataFrame(rows).astype(
        dict.fromkeys(TEXTS, object)
    )  # small frames: faster than Arrow's strings
    for column, metrics in frame.groupby("task", sort=False)["metric"]:
        if len(different := metrics.unique()) > 1:
            raise BenchmarkError(
                f"{grid.name}: {column} is {different[0]} in some runs and {different[1]} in others, and an "
                f"average must not mix them; set protocol.report.{column}"
            )
    return frame


def placed(run: PlannedRun) -> dict[str, str]:
    """A run's value on each axis of its grid."""
    return dict(override.lstrip("+").split("=", 1) for override in run.overrides)


def distinguishing(grid: Grid) -> list[str]:
    """The axes that distinguish runs of one model, task and methods: they make rows.

    A task makes rows only if the table's layout says so. An axis that is searched over never does.
    """
    values: dict[tuple[str, ...], set[str | None]] = {}
    for run in grid.runs:
        place = placed(run)
        same = (run.config.model.name, run.config.task.name, *sorted(run.config.method))
        for key in grid.axes:
            values.setdefault((key, *same), set()).add(place.get(key))
    varied = {key for (key, *_), different in values.items() if len(different) > 1 and key not in NOT_ROWS}
    varied -= set(grid.table["search"])
    rows = {"task"} & set(grid.table["layout"]["rows"])
    return [key for key in grid.axes if key in varied | rows]


def columns_of(grid: Grid, config: RunConfig) -> list[tuple[str, list[str], list[str]]]:
    """Columns of a run: name, metrics to average, metrics to subtract."""
    name = config.task.name
    if not grid.table["columns"]:
        return [(name, metric(config), [])]
    return [
        (key, column["report"], column["minus"])
        for key, column in grid.table["columns"].items()
        if name in column["tasks"] and has_layers(config.task, column["report"])
    ]


def metric(config: RunConfig) -> list[str]:
    """The metrics that a run's protocol averages for its task, as ``metric`` or ``set/metric``.

    Default: the first value of the task's first metric, on its first evaluation set.
    """
    named = config.protocol.report.get(config.task.name)
    return named or [METRICS[config.task.metrics[0]][0]]


def reported(record: Record, config: RunConfig, report: list[str], minus: list[str]) -> float:
    """The score of a record as a fraction: mean of ``report`` less mean of ``minus``.

    ``selection: last`` takes the final evaluation. ``best`` takes the highest one, which is optimistic: the
    same set chooses and is reported. For a gap, the subtracted score chooses. If ``selection`` is the name of
    a set, the evaluation that is best on this set is taken. NaN for a run that diverged or has hidden labels.
    """
    if record.status != "finished" or not record.curve:
        return np.nan
    return score_in(record.curve[selected(record, config, report, minus)].scores, config, report, minus)


def score_in(scores: Scores, config: RunConfig, report: list[str], minus: list[str]) -> float:
    """The score of one evaluation as a fraction: the mean of ``report`` less that of ``minus``."""
    return _mean(scores, report, config) - (_mean(scores, minus, config) if minus else 0.0)


def selected(record: Record, config: RunConfig, report: list[str], minus: list[str]) -> int:
    """Index of the evaluation that a finished run reports, counted from the end (-1).

    If a set is scored only after the last update, the last evaluation is the only choice.
    """
    curve = record.curve
    if config.protocol.selection == "last":
        return -1
    first = next(iter(curve[-1].scores), "")
    sets = {name.rpartition("/")[0] or first for name in (*report, *minus)}
    complete = [index for index, entry in enumerate(curve, -len(curve)) if sets <= entry.scores.keys()]
    if config.protocol.selection not in SELECTIONS:
        best = _best_on(record, config, config.protocol.selection)
        return best if best in complete else -1
    return max(complete, key=lambda index: _mean(curve[index].scores, minus or report, config), default=-1)


def _best_on(record: Record, config: RunConfig, name: str) -> int:
    """Index of the first evaluation with the best score on a set, counted from the end; the last without scores."""
    metric = first_metric(config.task, name)
    scores = [entry.scores[name][metric] for entry in record.curve if name in entry.scores]
    return scores.index(max(scores)) - len(scores) if scores else -1


def _mean(by_set: dict[str, dict[str, float]], names: list[str], config: RunConfig) -> float:
    if not by_set:
        return np.nan
    return float(np.mean([_look_up(by_set, name, config) for name in names]))


def _look_up(by_set: dict[str, dict[str, float]], name: str, config: RunConfig) -> float:
    set_name, _, metric_name = name.rpartition("/")
    set_name = set_name or next(iter(by_set))
    if set_name not in by_set and set_name in config.task.evaluate:
        return np.nan  # its labels are hidden
    if chooses(metric_name):
        return layers.score(by_set, set_name, metric_name)
    try:
        return by_set[set_name][metric_name]
    except KeyError:
        known = [f"{known_set}/{score}" for known_set, scores in by_set.items() for score in scores]
        raise BenchmarkError(
            f"a record of {config.task.name} has no {name!r} among its scores ({', '.join(known)})"
        ) from None


def by_seed(frame: pd.DataFrame) -> dict[int, float]:
    """The scores of one cell by seed; runs without a score are left out."""
    seeds, values = frame["seed"].to_numpy(), frame["score"].to_numpy(dtype=float)
    scored = ~np.isnan(values)
    return dict(zip(seeds[scored].tolist(), values[scored].tolist(), strict=True))


def average_by_seed(frame: pd.DataFrame, rule: Rule) -> dict[int, float]:
    """The average of ``rule`` (see ``average``) for every seed that has all its tasks."""
    by_task: dict[int, dict[str, float]] = {}
    columns = (frame[name].tolist() for name in ("seed", "task", "score"))
    for seed, task, score in zip(*columns, strict=True):
        if not np.isnan(score):
            by_task.setdefault(int(seed), {})[task] = score
    averages = {seed: average(by_task[seed], rule) for seed in sorted(by_task)}
    return {seed: value for seed, value in averages.items() if value is not None}


def average(values: dict[str, float], rule: Rule) -> float | None:
    """The mean over ``rule``, nested lists first; None if a task has no value."""
    if isinstance(rule, str):
        return values.get(rule)
    means = [mean for nested in rule if (mean := average(values, nested)) is not None]
    return math.fsum(means) / len(rule) if rule and len(means) == len(rule) else None
