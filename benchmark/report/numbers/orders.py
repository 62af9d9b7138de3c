"""Trends of spreads and rates over an axis, by exchange within seeds."""

from __future__ import annotations

import numpy as np

DRAWS, AT_ONCE = 9999, 500
TIED = 1e-9  # relative: statistics that are closer differ by rounding


def order_test(values: np.ndarray, weights: np.ndarray, draws: int = DRAWS) -> tuple[float, float]:
    """Mean over seeds of the weighted sums of values (n, positions), with a two-sided p-value.

    If spread or rate is the same at all positions, every order of a seed's values is equally likely: ``draws``
    random ones are tried, the same in every call. (NaN, NaN) for fewer than two seeds.
    """
    if len(values) < 2:
        return np.nan, np.nan
    random = np.random.default_rng(0)
    seen = (values @ weights).mean()
    sums = [np.array([seen])]
    for begin in range(0, draws, AT_ONCE):
        orders = np.tile(values, (min(AT_ONCE, draws - begin), 1))
        sums.append((random.permuted(orders, axis=1) @ weights).reshape(-1, len(values)).mean(1))
    far = np.abs(np.concatenate(sums))
    return float(seen), float(np.mean(far >= far[0] - TIED * far.max()))


def deviations(values: np.ndarray) -> np.ndarray:
    """Absolute deviations of values (n, positions) from the median of their position."""
    return np.abs(values - np.median(values, axis=0))
