"""Rank correlations, tested by permutation."""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import stats

from benchmark.report.numbers.statistics import LEVEL, MANY, POWER

DRAWS = 9999
FEWEST = 3  # values with a rank correlation
TIED = 1e-9


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation of values (n,) and (n,); NaN for fewer than three, or if one side is constant."""
    if len(first) < FEWEST or np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan
    return float(np.corrcoef(stats.rankdata(first), stats.rankdata(second))[0, 1])


def permutation_test(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Two-sided test that the ranks of (n,) and (n,) are not associated: (correlation, p).

    Exact up to seven values, else by random orders, the same in every call. (NaN, NaN) where there is no
    correlation.
    """
    observed = spearman(first, second)
    if np.isnan(observed):
        return np.nan, np.nan
    ranks, others = (stats.rankdata(side) - (len(first) + 1) / 2 for side in (first, second))
    if math.factorial(len(ranks)) <= DRAWS:
        orders = np.array(list(itertools.permutations(others)))
    else:
        drawn = np.random.default_rng(0).permuted(np.tile(others, (DRAWS, 1)), axis=1)
        orders = np.concatenate([others[None], drawn])
    far = np.abs(orders @ ranks)
    return observed, float(np.mean(far >= abs(others @ ranks) - TIED * far.max()))


def seeds_to_find(correlation: float, level: float = LEVEL) -> int:
    """Number of values that detect a true ``correlation`` by Fisher's transformation; at most ``MANY``."""
    if np.isnan(correlation) or correlation == 0:
        return MANY
    fewest = next(n for n in itertools.count(FEWEST) if 2 / math.factorial(n) <= level)
    if abs(correlation) == 1:
        return fewest
    distance = stats.norm.isf(level / 2) + stats.norm.isf(1 - POWER)
    return int(min(max(np.ceil((distance / np.arctanh(abs(correlation))) ** 2 + 3), fewest), MANY))
