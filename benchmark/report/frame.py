"""From a grid and its records to one data frame: a row per cell, scored as its protocol says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmark.config import METRICS
from benchmark.errors import BenchmarkError
from benchmark.grid import Grid
from benchmark.store import Record

Rule = str | list["Rule"]  # how a paper averages: a task, or a list whose mean is meant

NOT_ROWS = ("task", "seed")  # every other axis of a grid makes rows of a table


def scores(grid: Grid, records: dict[str, Record]) -> pd.DataFrame:
    """Columns ``model, variant, methods, task, seed, status, score``; score in percent, NaN if there is none.

    ``variant`` names whatever else the grid varies (a data subset, a learning rate), else ''.
    """
    varied = [
        key
        for key, values in grid.axes.items()
        if len(values) > 1 and key not in (*NOT_ROWS, "model", "method")
    ]
    rows = []
    for cell in grid.cells:
        config, record = cell.config, records.get(cell.run_id)
        at = dict(override.split("=", 1) for override in cell.overrides)
        rows.append(
            {
                "model": config["model"]["name"],
                "variant": " ".join(f"{key}={at[key]}" for key in varied),
                "methods": "+".join(sorted(config["method"])),
                "task": config["task"]["name"],
                "seed": config["seed"],
                "status": record["status"] if record else "missing",
                "score": 100 * reported(record, config) if record else np.nan,
                "run_id": cell.run_id,
            }
        )
    return pd.DataFrame(rows)


def metric(config: dict[str, Any]) -> list[str]:
    """What a task reports under a run's protocol: metrics to average, as ``metric`` or ``set/metric``.

    Without a rule in the protocol it is the first value of the task's first metric on its first evaluation set.
    """
    named = config["protocol"]["report"].get(config["task"]["name"])
    return named or [METRICS[config["task"]["metrics"][0]][0]]


def reported(record: Record, config: dict[str, Any]) -> float:
    """The score of a record as a fraction: the mean of its protocol's metrics at the checkpoint selected.

    ``selection: last`` takes the final evaluation and ``best`` the highest one, which is optimistic: the
    set that chooses is the set that is reported. NaN for a run that diverged or whose labels are hidden.
    """
    if record["status"] != "finished":
        return np.nan
    evaluations = [_mean(evaluation["scores"], config) for evaluation in record["curve"]]
    if not evaluations:
        return np.nan
    return max(evaluations) if config["protocol"]["selection"] == "best" else evaluations[-1]


def _mean(by_set: dict[str, dict[str, float]], config: dict[str, Any]) -> float:
    if not by_set:
        return np.nan
    return float(np.mean([_look_up(by_set, name, config) for name in metric(config)]))


def _look_up(by_set: dict[str, dict[str, float]], name: str, config: dict[str, Any]) -> float:
    part, _, metric_name = name.rpartition("/")
    part = part or next(iter(by_set))
    try:
        return by_set[part][metric_name]
    except KeyError:
        known = [f"{one}/{other}" for one, scores in by_set.items() for other in scores]
        raise BenchmarkError(
            f"protocol.report.{config['task']['name']}: no {name!r} among the scores ({', '.join(known)})"
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
