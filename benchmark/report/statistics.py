"""Statistics over seeds: small pure functions on arrays, an interval beside every mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` seeds: sample deviation (n-1) and confidence interval; NaN where undefined."""

    mean: float
    std: float
    n: int
    low: float
    high: float


def estimate(values: np.ndarray) -> Estimate:
    """Mean, sample standard deviation and 95 % t interval of ``values`` (n,), one per seed."""
    n = len(values)
    if n == 0:
        return Estimate(np.nan, np.nan, 0, np.nan, np.nan)
    mean = float(np.mean(values))
    if n == 1:
        return Estimate(mean, np.nan, 1, np.nan, np.nan)
    std = float(np.std(values, ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * std / np.sqrt(n)
    return Estimate(mean, std, n, mean - half, mean + half)


def paired_difference(ours: dict[int, float], baseline: dict[int, float]) -> Estimate:
    """The difference ``ours - baseline``, seed by seed, over the seeds both have."""
    seeds = sorted(ours.keys() & baseline.keys())
    return estimate(np.array([ours[seed] - baseline[seed] for seed in seeds]))
