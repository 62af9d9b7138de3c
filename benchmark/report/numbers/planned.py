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
from benchmark.report.numbers.frame import columns_of
from benchmark.report.numbers.predictions import Arrays, has_gold

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
    """``frame`` with every run's ``floor`` in points, and the runs ``collapsed`` to it.

    ``frame`` is as `frame.scores` gives it. Classes are counted in the stored targets of one run per task;
    without any, classes are assumed to be equally frequent. No floor is above the lowest finished score of
    its model. NaN for a gap, which is smallest for a model that has learnt nothing.
    """
    parts = []
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
        known = bool(stored) or all(metric.rpartition("/")[2] in NO_ASSOCIATION for metric in report)
        nothing = rows["collapsed"] | ((rows["score"] - lowest).abs() <= near) & known
        below = rows.groupby("model")["score"].transform("min").fillna(lowest)
        parts.append(rows.assign(floor=np.minimum(lowest, below), collapsed=nothing))
    return pd.concat(parts).sort_index() if parts else frame.assign(floor=np.nan)


def at_floor(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with the floor as the score of runs that diverged or failed."""
    return frame.assign(score=floored(frame))


def floored(rows: Mapping[str, Any]) -> np.ndarray:
    """Scores (runs,) with the floor for runs that diverged or failed; ``rows`` are a frame, or its columns."""
    lost = np.array([status in LOST for status in rows["status"]], bool)
    return np.where(lost, np.asarray(rows["floor"], float), np.asarray(rows["score"], float))


def _floor_of(name: str, config: RunConfig, stored: Mapping[str, np.ndarray]) -> float:
    set_name, _, metric = name.rpartition("/")
    set_name = set_name or next(iter(config.task.evaluate))
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
