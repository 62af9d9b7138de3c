"""Comparison of the spread of two arms over seeds."""

from __future__ import annotations

import numpy as np
from scipy import stats

from benchmark.report.numbers import swaps
from benchmark.report.numbers.statistics import LEVEL, MANY, NO_SPREAD, POWER


def spread_test(ours: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Test that paired values (n,) and (n,) have equal spread: (log ratio, p).

    The ratio is of mean absolute deviations from each side's median; a negative logarithm says that ``ours``
    spread less. The deviations are swapped within seeds, so neither normal scores nor independent sides are
    assumed. (NaN, NaN) for fewer than two seeds, or if no value differs from its median.
    """
    if len(ours) < 2:
        return np.nan, np.nan
    rounding = NO_SPREAD * max(np.abs(ours).max(), np.abs(others).max())
    centred = [side - np.median(side) for side in (ours, others)]
    mine, theirs = (np.where(np.abs(values) <= rounding, 0.0, values) for values in centred)
    return swaps.swap_test(mine, theirs, _log_ratio)


def fewest_seeds(level: float) -> int:
    """The smallest number of seeds for which spreads can differ at a two-sided ``level``.

    It is even: of an odd number of values one is the median, and swapping that seed changes little.
    """
    fewest = swaps.fewest_seeds(level)
    return fewest + fewest % 2


def seeds_to_find(log_ratio: float, level: float = LEVEL) -> int:
    """Number of seeds that detect a true ``log_ratio`` of normal values; at most ``MANY``.

    It is approximate: up to a tenth more than needed. Swaps of deviations with the means a and b and the
    variances u and v have the variance u + v + (a - b)^2 per seed, and only u + v of it is chance.
    """
    if np.isnan(log_ratio) or log_ratio == 0:
        return MANY
    apart, chance, swapped = _variances(log_ratio)
    distance = stats.norm.isf(level / 2) + np.sqrt(chance / swapped) * stats.norm.isf(1 - POWER)
    needed = np.ceil(distance**2 * swapped / apart)
    return int(min(max(needed, fewest_seeds(level)), MANY))


def power(log_ratio: float, n: int, level: float = LEVEL) -> float:
    """Chance that ``n`` seeds of normal values show a true ``log_ratio``; 0 if it is not below 0.

    Approximate, as `seeds_to_find`: sides of a seed are taken to be independent.
    """
    if not log_ratio < 0 or n < fewest_seeds(level):
        return 0.0
    apart, chance, swapped = _variances(log_ratio)
    beyond = (np.sqrt(n * apart / swapped) - stats.norm.isf(level / 2)) * np.sqrt(swapped / chance)
    return float(stats.norm.cdf(beyond))


def _variances(log_ratio: float) -> tuple[float, float, float]:
    """Per seed: the squared difference of mean deviations, their variance, and that of swapped ones."""
    smaller = np.exp(-abs(log_ratio))  # the deviation of one side, in those of the other
    apart = 2 / np.pi * (1 - smaller) ** 2
    chance = (1 - 2 / np.pi) * (1 + smaller**2)
    return apart, chance, chance + apart


def _log_ratio(ours: np.ndarray, others: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(np.abs(ours).mean(-1)) - np.log(np.abs(others).mean(-1)))
