"""Exact tests that swap the sides of seeds, or flip signs.

If both arms are alike, every pattern of swaps is equally likely, so no distribution of the scores is assumed.
One collapsed run can hide a difference, but cannot create one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import stats

DRAWS = 9999  # random patterns, if there are too many to try all
TIED = 1e-9  # relative: statistics that are closer differ by rounding

# Of two sides (patterns, n), one number per pattern.
Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]


@cache
def patterns(n: int) -> np.ndarray:
    """Patterns (patterns, n) of seeds to swap, the observed one first.

    All of them up to 13 seeds, else ``DRAWS`` random ones that are the same in every call.
    """
    if 2**n <= DRAWS:
        return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
    drawn = np.random.default_rng(0).random((DRAWS, n)) < 0.5
    return np.concatenate([np.zeros((1, n), bool), drawn])


def swap_test(ours: np.ndarray, others: np.ndarray, statistic: Statistic) -> tuple[float, float]:
    """Two-sided test that paired values (n,) and (n,) may be swapped: (statistic, p).

    (NaN, NaN) for fewer than two pairs, or where the statistic is not defined.
    """
    if len(ours) < 2:
        return np.nan, np.nan
    swap = patterns(len(ours))
    values = statistic(np.where(swap, others, ours), np.where(swap, ours, others))
    if np.isnan(values[0]):
        return np.nan, np.nan
    return float(values[0]), _share_as_far(values)


def ranked_signs(differences: np.ndarray) -> tuple[float, float]:
    """Two-sided test of Wilcoxon for differences (n,): (sum of signed ranks, p).

    (NaN, NaN) for fewer than two. A failed run is an outlier, and ranks keep it from hiding all other runs.
    The test is exact with ties, which share their rank, and with differences of 0, which have a rank but no
    sign (Pratt).
    """
    if len(differences) < 2:
        return np.nan, np.nan
    largest = np.abs(differences).max()
    if not largest:
        return 0.0, 1.0
    rounded = np.round(differences / largest / TIED)
    doubled = np.rint(2 * stats.rankdata(np.abs(rounded))).astype(int)  # shared ranks are halves
    signed = int(doubled @ np.sign(rounded))
    chances = np.ones(1)  # the chance of every sum of ranks with a positive sign
    for rank in doubled[rounded != 0]:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    sums = 2 * np.arange(len(chances)) - (len(chances) - 1)
    return signed / 2, float(chances[np.abs(sums) >= abs(signed)].sum())


def fewest_seeds(level: float) -> int:
    """The smallest number of seeds whose swaps can have a two-sided p-value of ``level``."""
    return int(np.ceil(1 - np.log2(level)))


def _share_as_far(statistics: np.ndarray) -> float:
    """Share of patterns as far from 0 as the first, the observed one."""
    far = np.abs(statistics)
    slack = TIED * far[np.isfinite(far)].max(initial=0.0)
    return float(np.mean(far >= far[0] - slack))
