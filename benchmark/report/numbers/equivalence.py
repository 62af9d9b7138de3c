"""Claims that two arms are alike, or that one is not worse, within a margin.

A difference that is not found is no evidence that there is none. Two one-sided tests (Schuirmann 1987) ask
whether the mean lies surely within the margin.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy import stats

from benchmark.report.numbers.statistics import LEVEL, estimate


def above(differences: np.ndarray, bound: float) -> float:
    """One-sided p-value of Student's test that the mean of differences (n,) is above ``bound``.

    Differences that are all the same are counted by their signs. NaN for fewer than two.
    """
    beyond = estimate(differences - bound, np.abs(differences).max(initial=abs(bound)))
    if np.isnan(beyond.p):
        return np.nan
    return beyond.p / 2 if beyond.mean > 0 else 1 - beyond.p / 2


def within(differences: np.ndarray, margin: float) -> float:
    """P-value that the mean of differences (n,) lies within ± ``margin``.

    It is below 5 % exactly if the 90 % interval lies inside. NaN for fewer than two differences.
    """
    return max(above(differences, -margin), above(-differences, -margin))


def outside(differences: np.ndarray, margin: float) -> float:
    """Two-sided p-value that the mean of differences (n,) lies outside ± ``margin``.

    It is below 5 % exactly if the 95 % interval lies outside. NaN for fewer than two differences.
    """
    return float(np.minimum(1, 2 * np.minimum(above(differences, margin), above(-differences, margin))))


def alike(values: np.ndarray, margin: float) -> tuple[float, float]:
    """P-values that several arms' values (seeds, arms) are within ± ``margin``, and that they are not.

    All pairs have to be within, so the first is the largest over pairs. One pair outside is enough, so the
    second is the smallest, times the number of pairs. NaN for one arm or fewer than two seeds.
    """
    pairs = [
        values[:, first] - values[:, second] for first, second in combinations(range(values.shape[1]), 2)
    ]
    if not pairs or len(values) < 2:
        return np.nan, np.nan
    apart = min(outside(pair, margin) for pair in pairs)
    return max(within(pair, margin) for pair in pairs), min(1.0, len(pairs) * apart)


def not_worse(differences: np.ndarray, margin: float) -> tuple[float, float]:
    """P-values that the mean of differences (n,) is above -``margin``, and that it is below.

    Both are one-sided.
    """
    return above(differences, -margin), above(-differences, margin)


def power_within(spread: float, margin: float, n: int, level: float = LEVEL) -> float:
    """Chance that ``n`` differences of deviation ``spread`` show a true mean of 0 to be within ± ``margin``.

    By the noncentral t distribution of both one-sided tests, which is exact up to the integral over the
    sample deviation.
    """
    critical = float(stats.t.isf(level, n - 1))
    deviations = spread * np.sqrt(stats.chi2.ppf((np.arange(2000) + 0.5) / 2000, n - 1) / (n - 1))
    room = np.maximum(margin - critical * deviations / np.sqrt(n), 0)  # how far the observed mean may be
    return float(np.mean(2 * stats.norm.cdf(room * np.sqrt(n) / spread) - 1))
