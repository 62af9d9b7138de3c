"""How far scores and differences are off because the evaluation set is a sample of what it stands for.

This is beside the spread over seeds, and no number of seeds makes it smaller.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.numbers import predictions
from benchmark.report.numbers.frame import Rule, columns_of, selected
from benchmark.report.numbers.predictions import Arrays

Shares = dict[tuple[str, str], np.ndarray]  # by task and evaluation set, what each example adds to a score


def of_runs(
    grid: Grid, frame: pd.DataFrame, records: Mapping[str, Record], arrays: Arrays
) -> dict[tuple[str, str], Shares]:
    """What examples add to the scores of ``frame``, in points, by run id and column; only where it is known."""
    found = {}
    for run, rows in frame[frame["score"].notna()].groupby("run_id", sort=False):
        config, record, stored = grid.runs[int(rows["run"].iloc[0])].config, records[str(run)], None
        for column, report, minus in columns_of(grid, config):
            if column not in set(rows["task"]):
                continue
            stored = arrays(str(run)) if stored is None else stored
            at = selected(record, config, report, minus)
            weights = [(name, 100 / len(report)) for name in report]
            weights += [(name, -100 / len(minus)) for name in minus]
            shares: Shares = {}
            for name, weight in weights:
                part, _, metric = name.rpartition("/")
                part = part or next(iter(config.task.evaluate))
                if not predictions.known(metric) or f"logits/{part}" not in stored:
                    break
                given = predictions.answers(stored[f"logits/{part}"][at], config, part)
                adds = weight * predictions.influences(metric, given, stored[f"targets/{part}"])
                key = (config.task.name, part)
                shares[key] = shares.get(key, 0) + adds
            else:
                found[str(run), column] = shares
    return found


def mean(several: list[Shares | None]) -> Shares | None:
    """The shares in the mean of some scores; None if one of them is not known."""
    known = [one for one in several if one is not None]
    if not known or len(known) < len(several):
        return None
    return weighted([(1 / len(known), one) for one in known])


def weighted(parts: list[tuple[float, Shares]]) -> Shares:
    """The shares in a weighted sum of scores."""
    total: Shares = {}
    for weight, shares in parts:
        for key, adds in shares.items():
            total[key] = total.get(key, 0) + weight * adds
    return total


def error(shares: Shares | None) -> float:
    """The standard error of a score or a difference, in points; NaN if it is not known."""
    if shares is None:
        return np.nan
    return float(np.sqrt(sum(float(np.sum(adds**2)) / len(adds) ** 2 for adds in shares.values())))


def weights_of(rule: Rule) -> dict[str, float]:
    """What each task counts in the average of ``rule``."""
    if isinstance(rule, str):
        return {rule: 1.0}
    weights: dict[str, float] = {}
    for part in rule:
        for task, weight in weights_of(part).items():
            weights[task] = weights.get(task, 0.0) + weight / len(rule)
    return weights
