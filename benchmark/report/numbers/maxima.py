"""Exact comparison of the maxima of two arms over seeds, and its power."""

from __future__ import annotations

import numpy as np

from benchmark.report.numbers.statistics import LEVEL
from benchmark.report.numbers.swaps import TIED

TABLES = 2000  # simulated for a power: one standard error is at most 1.1 %


def maximum_test(ours: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Test that paired values (n,) and (n,) have equal maxima: (difference, p); NaN below two pairs.

    Sides are swapped within seeds, in all ways at once (see `p_values`).
    """
    if len(ours) < 2:
        return np.nan, np.nan
    apart, p = p_values(ours[None], others[None])
    return float(apart[0]), float(p[0])


def p_values(ours: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences of maxima and exact two-sided p-values of tables (tables, n) of paired values.

    Under every swap, the largest value of all is the maximum of one side. The difference is at least the
    observed one if all values of the other side lie that far below. This side always has the partner of the
    largest value, and from each other pair either value with equal chance.
    """
    apart = ours.max(-1) - others.max(-1)
    high, low = np.maximum(ours, others), np.minimum(ours, others)
    rows, top = np.arange(len(high)), high.argmax(-1)
    largest = high[rows, top]
    slack = TIED * np.abs(apart)
    bound = (largest - np.abs(apart) + slack)[:, None]
    chances = ((high <= bound) * 0.5) + ((low <= bound) * 0.5)
    chances[rows, top] = low[rows, top] <= bound[:, 0]
    return apart, chances.prod(-1)


def power(gain: float, ours: float, others: float, correlation: float, n: int, level: float = LEVEL) -> float:
    """Chance that ``n`` seeds show that an arm with a ``gain`` has the larger maximum.

    Runs are normal with the deviations ``ours`` and ``others``, and the ``correlation`` of the two sides of a seed. By
    simulation, with the same draws in every call.
    """
    if n < 2:
        return 0.0
    shared, rest = np.random.default_rng(0).normal(size=(2, TABLES, n))
    mine = gain + ours * shared
    theirs = others * (correlation * shared + np.sqrt(1 - correlation**2) * rest)
    apart, p = p_values(mine, theirs)
    return float(np.mean((p <= level) & (apart > 0)))
