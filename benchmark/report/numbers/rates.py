"""Rates of failed or collapsed runs, paired by seed."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmark.report.numbers.statistics import LEVEL, MANY, POWER


@dataclass(frozen=True)
class RateDifference:
    """The difference of two rates over ``n`` pairs of runs, with McNemar's exact two-sided p.

    ``apart`` is the share of pairs in which exactly one side failed: only these show a difference.
    """

    difference: float
    apart: float
    n: int
    p: float

    def needed(self, level: float = LEVEL) -> int:
        """Number of pairs that detect these rates (Connor 1987); at most ``MANY``."""
        if not self.n or not self.difference:
            return MANY
        distance = stats.norm.isf(level / 2) * np.sqrt(self.apart)
        distance += stats.norm.isf(1 - POWER) * np.sqrt(max(self.apart - self.difference**2, 0))
        return int(min(np.ceil((distance / self.difference) ** 2), MANY))


def paired_rates(
    ours: Collection[Hashable], others: Collection[Hashable], pairs: Collection[Hashable]
) -> RateDifference:
    """Compare two failure rates over ``pairs``.

    ``ours`` and ``others`` are the pairs in which each side failed. NaN without pairs.
    """
    planned = set(pairs)
    mine, theirs = planned & set(ours), planned & set(others)
    if not planned:
        return RateDifference(np.nan, np.nan, 0, np.nan)
    alone, apart, n = len(mine - theirs), len(mine ^ theirs), len(planned)
    p = float(stats.binomtest(alone, apart).pvalue) if apart else 1.0
    return RateDifference((len(mine) - len(theirs)) / n, apart / n, n, p)
