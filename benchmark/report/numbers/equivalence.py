"""Claims that two arms are alike, or that one is not worse, within a margin.

If no difference is found, this is not evidence that there is none. Two one-sided tests (Schuirmann 1987) show
whether the mean surely lies within the margin.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from benchmark.report.numbers.statistics import LEVEL, MANY, POWER, Estimate


def within(difference: Estimate, margin: float) -> float:
    """P-value that the mean of a difference lies within ± ``margin``.

    It is below 5 % exactly if the 90 % interval lies inside. NaN for fewer than two seeds.
    """
    return max(difference.above(-margin), difference.below(margin))


def outside(difference: Estimate, margin: float) -> float:
    """Two-sided p-value that the mean of a difference lies outside ± ``margin``.

    It is below 5 % exactly if the 95 % interval lies outside. NaN for fewer than two seeds.
    """
    return float(np.minimum(1, 2 * np.minimum(difference.above(margin), difference.below(-margin))))


def alike(p_values: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """P-values that several arms are within a margin, and that they are not.

    All pairs have to be within, so the first is the largest over pairs. One pair outside is enough, so the
    second is the smallest, times the number of pairs. NaN without pairs, or if a pair has none.
    """
    if not p_values:
        return np.nan, np.nan
    inside, apart = np.array(p_values, float).T
    return float(np.max(inside)), float(np.minimum(1.0, len(p_values) * np.min(apart)))


def not_worse(difference: Estimate, margin: float) -> tuple[float, float]:
    """P-values that the mean of a difference is above -``margin``, and that it is below.

    Both are one-sided.
    """
    return difference.above(-margin), difference.below(-margin)


def seeds_within(spread: float, margin: float) -> int:
    """Number of seeds that show a true mean of 0 to be within ± ``margin``; at most ``MANY``.

    ``spread`` is the deviation of a difference.
    """
    few, enough = 1, 2
    while power_within(spread, margin, enough) < POWER:
        if enough >= MANY:
            return MANY
        few, enough = enough, min(2 * enough, MANY)
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if power_within(spread, margin, middle) >= POWER else (middle, enough)
    return enough


def power_within(spread: float, margin: float, n: int, level: float = LEVEL) -> float:
    """Chance that ``n`` differences show a true mean of 0 within ± ``margin``.

    By the noncentral t distribution of both one-sided tests, which is exact up to the integral over the
    sample deviation.
    """
    critical = float(stats.t.isf(level, n - 1))
    deviations = spread * np.sqrt(stats.chi2.ppf((np.arange(2000) + 0.5) / 2000, n - 1) / (n - 1))
    room = np.maximum(margin - critical * deviations / np.sqrt(n), 0)  # how far the observed mean may be
    return float(np.mean(2 * stats.norm.cdf(room * np.sqrt(n) / spread) - 1))
