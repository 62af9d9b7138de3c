"""Sampling errors of scores and differences: an evaluation set is a sample.

They are separate from the spread over seeds: more seeds do not make them smaller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.numbers import predictions, scored_units
from benchmark.report.numbers.frame import Rule, columns_of, selected
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.numbers.translated_sets import Examples, parts

Shares = dict[Examples, np.ndarray]  # contribution of each example


def of_runs(
    grid: Grid, frame: pd.DataFrame, records: Mapping[str, Record], arrays: Arrays
) -> Mapping[tuple[str, str], Shares]:
    """Contributions of examples to the scores of ``frame``, in points, by run id and column.

    Scores that cannot be computed from stored predictions have no entry. A run's arrays are read only when
    its entry is read.
    """
    scored: dict[str, tuple[int, set[str]]] = {}
    names = ("run_id", "run", "task", "score")
    for run, number, column, score in zip(*(frame[name].tolist() for name in names), strict=True):
        if not np.isnan(score):
            scored.setdefault(run, (number, set()))[1].add(column)
    return _OfRuns(grid, scored, records, arrays)


class _OfRuns(Mapping[tuple[str, str], Shares]):
    """The contributions of scored runs, each computed once; ``scored`` has the runs' numbers and columns."""

    def __init__(
        self,
        grid: Grid,
        scored: Mapping[str, tuple[int, set[str]]],
        records: Mapping[str, Record],
        arrays: Arrays,
    ) -> None:
        self.grid, self.scored, self.records, self.arrays = grid, scored, records, arrays
        self.known: dict[str, dict[str, Shares]] = {}

    def __getitem__(self, key: tuple[str, str]) -> Shares:
        run, column = key
        if run not in self.known:
            number, wanted = self.scored[run]
            config, stored = self.grid.runs[number].config, self.arrays(run)
            self.known[run] = {
                column: shares
                for column, report, minus in columns_of(self.grid, config)
                if column in wanted
                and (shares := _of_run(self.records[run], config, stored, report, minus)) is not None
            }
        return self.known[run][column]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        every = [(run, column) for run, (_, columns) in self.scored.items() for column in columns]
        return (key for key in every if self.get(key) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return bool(self.scored)  # without reading any array


def _of_run(
    record: Record, config: RunConfig, stored: Mapping[str, np.ndarray], report: list[str], minus: list[str]
) -> Shares | None:
    """Contributions of examples to a run's score of one column; None if they are unknown."""
    evaluation = selected(record, config, report, minus)
    weights = [(name, 100 / len(report)) for name in report]
    weights += [(name, -100 / len(minus)) for name in minus]
    shares: Shares = {}
    for name, weight in weights:
        set_name, _, metric = name.rpartition("/")
        set_name = set_name or next(iter(config.task.evaluate))
        sets = parts(set_name, config, stored)
        for part, examples in sets.items():
            adds = _of_set(record, stored, part, metric, config, evaluation)
            if adds is None:
                return None
            shares[examples] = shares.get(examples, 0) + weight / len(sets) * adds
    return shares


def _of_set(
    record: Record,
    stored: Mapping[str, np.ndarray],
    set_name: str,
    metric: str,
    config: RunConfig,
    evaluation: int,
) -> np.ndarray | None:
    """Contributions of examples, or of other units, to the score of one set; None if they are unknown."""
    of_set = predictions.of_set(stored, set_name, config)
    if of_set is None:
        score = record.curve[evaluation].scores.get(set_name, {}).get(metric, np.nan)
        known = scored_units.terms(stored, set_name, metric, config, score, evaluation)
        return None if known is None else predictions.of_terms(*known)
    if not predictions.known(metric) or len(of_set[0]) < -evaluation:
        return None
    logits, targets = of_set
    predicted = predictions.from_logits(logits[evaluation], config, set_name)
    gold = predictions.has_gold(targets)
    return predictions.influences(metric, predicted[gold], targets[gold])


def mean(several: list[Shares | None]) -> Shares | None:
    """Contributions to the mean of several scores; None if one of them is unknown."""
    known = [shares for shares in several if shares is not None]
    if not known or len(known) < len(several):
        return None
    return weighted([(1 / len(known), shares) for shares in known])


def weighted(summands: list[tuple[float, Shares]]) -> Shares:
    """Contributions to a weighted sum of scores."""
    total: Shares = {}
    for weight, shares in summands:
        for key, adds in shares.items():
            total[key] = total.get(key, 0) + weight * adds
    return total


def error(shares: Shares | None) -> float:
    """Standard error of a score or a difference, in points; NaN if unknown.

    Translations whose examples cannot be matched count as wrong together: their errors add up, so that this
    is an upper bound.
    """
    if shares is None:
        return np.nan
    return float(np.sqrt(sum(variance for variance, _ in _by_set(shares))))


def degrees(shares: Shares) -> float:
    """Degrees of freedom of the error of ``shares``: examples less one, over several sets by Satterthwaite.

    If there is no error at all, they are those of all sets together.
    """
    sets = _by_set(shares)
    total = sum(variance for variance, _ in sets)
    each = sum(variance**2 / max(free, 1) for variance, free in sets)
    return total**2 / each if each else float(sum(free for _, free in sets))


def _by_set(shares: Shares) -> list[tuple[float, int]]:
    """Variance, and examples less one, of each set whose examples are not those of another."""
    deviations: dict[Examples, list[float]] = {}
    free: dict[Examples, int] = {}
    for examples, adds in shares.items():
        of_set = examples[:2]
        deviations.setdefault(of_set, []).append(float(np.sqrt(np.sum(adds**2))) / len(adds))
        free[of_set] = min(len(adds) - 1, free.get(of_set, len(adds) - 1))
    return [(sum(deviations[of_set]) ** 2, free[of_set]) for of_set in deviations]


def of_side(
    rows: Mapping[str, Any],
    weights: Mapping[str, float],
    shares: Mapping[tuple[str, str], Shares],
    seeds: Mapping[str, Collection[int]],
) -> Shares | None:
    """Contributions of examples to a weighted sum of means over ``seeds``, which are by column.

    ``rows`` are a frame, or its columns. ``shares`` are by run id and column. None if those of a run are unknown.
    """
    columns = (list(rows[name]) for name in ("task", "seed", "score", "run_id"))
    runs: dict[str, list[str]] = {}
    for task, seed, score, run in zip(*columns, strict=True):
        if seed in seeds.get(task, ()) and not np.isnan(score):
            runs.setdefault(task, []).append(run)
    summands = []
    for task, weight in weights.items():
        of_task = mean([shares.get((run, task)) for run in runs.get(task, ())])
        if of_task is None:
            return None
        summands.append((weight, of_task))
    return weighted(summands)


def weights_of(rule: Rule) -> dict[str, float]:
    """The weight of each task in the average of ``rule``."""
    if isinstance(rule, str):
        return {rule: 1.0}
    weights: dict[str, float] = {}
    for nested in rule:
        for task, weight in weights_of(nested).items():
            weights[task] = weights.get(task, 0.0) + weight / len(rule)
    return weights
