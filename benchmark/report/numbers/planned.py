"""All planned runs, also those that failed: scores with failures at the floor.

A mean over finished runs rewards a method for diverging where it would have scored low. So reports also
analyse all planned seeds (intention to treat): a run that diverged or failed gets the score of a model that
has learnt nothing, or the lowest score of a finished run of its model if that is lower. Then no method gains
by failing, even if all runs score below the most frequent answer, as on WNLI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.grids.grid import Grid
from benchmark.records.one_answer import shows_collapse
from benchmark.report.numbers.frame import columns_of
from benchmark.report.numbers.predictions import Arrays, has_gold
from benchmark.report.numbers.translated_sets import parts

LOST = ("diverged", "failed")  # runs that were made and have no score
NEAR = {"pearson": 1.0, "spearman": 1.0}  # points above the floor where a model has learnt nothing
ROUNDING = 1e-6  # points
NO_ASSOCIATION = ("matthews_correlation", "pearson", "spearman")  # 0 for every constant answer


def floor(metric: str, classes: np.ndarray) -> float:
    """The score, as a fraction, of a constant answer: the most frequent class.

    ``classes`` (classes,) counts the examples of an evaluation set by class; the F1 of two classes is that of
    the last class. ``classes`` is empty for sets without classes, where a model that has learnt nothing
    scores 0.
    """
    if metric in NO_ASSOCIATION or not classes.sum():
        return 0.0
    share = float(classes.max() / classes.sum())
    if metric == "accuracy":
        return share
    if metric == "f1" and len(classes) == 2:
        return 2 * share / (1 + share) if classes[1] >= classes[0] else 0.0
    return 0.0


def with_floors(grid: Grid, frame: pd.DataFrame, arrays: Arrays) -> pd.DataFrame:
    """``frame`` with every run's ``floor`` in points, and True for the runs that ``collapsed``.

    ``frame`` is as `frame.scores` gives it. A run collapsed in a column if it gives one answer to every
    example of one of the column's sets, or if its score is no better than the floor. Classes are counted in
    the stored targets of one run per task; without any, classes are assumed to be equally frequent. No floor
    is above the lowest finished score of its model. NaN for a gap, which is smallest for a model that has
    learnt nothing.
    """
    every = []
    for _, rows in frame.groupby(["task", frame["run"].map(lambda run: grid.runs[run].config.task.name)]):
        config = grid.runs[int(rows["run"].iloc[0])].config
        name = rows["task"].iloc[0]
        report, minus = next(
            (report, minus) for key, report, minus in columns_of(grid, config) if key == name
        )
        finished = rows[rows["status"] == "finished"]["run_id"]
        stored = arrays(str(finished.iloc[0])) if len(finished) else {}
        of_metrics = [_floor_of(metric, config, stored) for metric in report]
        lowest = np.nan if minus else 100 * float(np.mean(of_metrics))
        near = max(NEAR.get(metric.rpartition("/")[2], ROUNDING) for metric in report)
        known = all(_is_floor_known(metric, config, stored) for metric in report)
        nothing = _one_answer(rows["collapsed"], [*report, *minus], config, stored)
        nothing = nothing | ((rows["score"] <= lowest + near) & known)
        below = rows.groupby("model")["score"].transform("min").fillna(lowest)
        every.append(rows.assign(floor=np.minimum(lowest, below), collapsed=nothing))
    return pd.concat(every).sort_index() if every else frame.assign(floor=np.nan)


def _one_answer(
    by_run: pd.Series, metrics: list[str], config: RunConfig, stored: Mapping[str, np.ndarray]
) -> np.ndarray:
    """True for runs (runs,) with one answer to everything in a set that ``metrics`` name.

    If it has languages, this must be so in each. ``by_run`` has the names of such sets. Sets that cannot show a
    collapse are left out: older records have them.
    """
    if not any(by_run):
        return np.zeros(len(by_run), bool)
    sets = [parts(set_name, config, stored) for set_name in {_set_of(name, config) for name in metrics}]
    shown = [{name for name in names if _shows(name, stored)} for names in sets]
    return np.array([any(names and names <= gone for names in shown) for gone in by_run], bool)


def _is_floor_known(metric: str, config: RunConfig, stored: Mapping[str, np.ndarray]) -> bool:
    """True if scores at the floor of ``metric`` show that nothing was learnt: without targets it is a guess."""
    if metric.rpartition("/")[2] in NO_ASSOCIATION:
        return all(_shows(name, stored) for name in parts(_set_of(metric, config), config, stored))
    if config.task.kind != "classification":
        return bool(stored)
    names = parts(_set_of(metric, config), config, stored)
    return all(f"targets/{name}" in stored and _shows(name, stored) for name in names)


def _shows(set_name: str, stored: Mapping[str, np.ndarray]) -> bool:
    """True if an evaluation set can show a collapse, as far as is known."""
    targets = stored.get(f"targets/{set_name}")
    return targets is None or shows_collapse(targets)


def _set_of(metric: str, config: RunConfig) -> str:
    """The evaluation set of ``metric`` or ``set/metric``."""
    return metric.rpartition("/")[0] or next(iter(config.task.evaluate))


def at_floor(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with the floor as the score of runs that diverged or failed."""
    return frame.assign(score=floored(frame))


def floored(rows: Mapping[str, Any]) -> np.ndarray:
    """Scores (runs,) with the floor for runs that diverged or failed; ``rows`` are a frame, or its columns."""
    lost = np.array([status in LOST for status in rows["status"]], bool)
    return np.where(lost, np.asarray(rows["floor"], float), np.asarray(rows["score"], float))


def _floor_of(name: str, config: RunConfig, stored: Mapping[str, np.ndarray]) -> float:
    set_name, metric = _set_of(name, config), name.rpartition("/")[2]
    labels = len(config.task.labels)
    if config.task.kind != "classification" or not labels:
        return floor(metric, np.zeros(0))
    targets = stored.get(f"targets/{set_name}")
    known = (
        np.ones(labels)
        if targets is None
        else np.bincount(targets[has_gold(targets)].astype(int), minlength=labels)
    )
    return floor(metric, known)
