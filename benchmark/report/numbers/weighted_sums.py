"""Weighted sums of means: averages over tasks, contrasts over an axis.

Values of one task are paired by seed, and those of different tasks are independent. If every task has the
same seeds, the sum is taken seed by seed. Otherwise it is the sum of the tasks' own means, with
Satterthwaite's degrees of freedom, so that one missing run does not remove the seed from other tasks. Its
deviation is that of a seed with all tasks, which tells how many such seeds would be enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from benchmark.report.numbers.statistics import CONFIDENCE, Estimate, Unequal, estimate, settled

BySeed = dict[int, float]


def weighted_sum(tasks: Sequence[BySeed], size: float) -> Estimate:
    """The sum over ``tasks`` of the mean of each one's values by seed.

    ``n`` is the smallest number of seeds. ``size`` is the size of the numbers behind the values; it decides
    the size of rounding errors. NaN if a task has no value.
    """
    if not tasks or not all(tasks):
        return estimate(np.array([]))
    if all(values.keys() == tasks[0].keys() for values in tasks):
        return estimate(np.array([sum(values[s] for values in tasks) for s in sorted(tasks[0])]), size)
    every = [np.array(list(values.values())) for values in tasks]
    mean, n = settled(float(sum(values.mean() for values in every)), size), min(map(len, every))
    if n < 2:
        return replace(estimate(np.array([mean]), size), n=n)
    variances, counts = np.array([values.var(ddof=1) for values in every]), np.array(list(map(len, every)))
    error, std = (settled(float(np.sqrt(sums.sum())), size) for sums in (variances / counts, variances))
    freedom, of_std = (_satterthwaite(sums, counts) for sums in (variances / counts, variances))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    return Estimate(mean, std, n, mean - half, mean + half, size, Unequal(error, freedom, of_std))


def _satterthwaite(variances: np.ndarray, counts: np.ndarray) -> float:
    """Degrees of freedom of a sum of variances (tasks,), each of so many seeds (tasks,)."""
    shares = variances**2 / (counts - 1)
    return float(variances.sum() ** 2 / shares.sum()) if shares.sum() else float(counts.min() - 1)


def numbers(tasks: Sequence[BySeed]) -> Estimate:
    """The sum over ``tasks`` of a quantity that is the same in every repetition: its interval is its range."""
    if not tasks or not all(tasks):
        return estimate(np.array([]))
    every = [np.array(list(values.values())) for values in tasks]
    low, high = (float(sum(end(values) for values in every)) for end in (np.min, np.max))
    mean = float(sum(values.mean() for values in every))
    return Estimate(mean, 0.0, min(map(len, every)), low, high, exact=True)
