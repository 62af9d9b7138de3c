"""One answer per method over all cells: does it help?

Two different means answer it. The *equal-weight* mean is the papers' average. The *random-effects* mean
weighs a cell by its precision, so cells with little noise, which are the large sets, count most. It also
tells whether the gain is the same everywhere, and which gain to expect on a new task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from benchmark.report.numbers.statistics import CONFIDENCE, Estimate, estimate

DRAWS = 10_000  # bootstrap samples
TAILS = np.array([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])


@dataclass(frozen=True)
class RandomEffects:
    """The random-effects mean of cells, by restricted maximum likelihood; NaN if undefined.

    - ``heterogeneity``: tau^2, the variance of true effects between cells.
    - ``se``: Hartung and Knapp's standard error of ``mean``.
    - ``low``, ``high``, ``p``: the 95 % t interval of ``mean`` and its two-sided test.
    - ``predicted_low``, ``predicted_high``: the 95 % interval of the true effect in a new cell.
    - ``fixed``: the mean if the true effect were the same in all cells.
    - ``q``, ``q_p``, ``i2``: Cochran's Q, its p-value, and I^2.
    """

    mean: float
    se: float
    low: float
    high: float
    p: float
    predicted_low: float
    predicted_high: float
    heterogeneity: float
    fixed: float
    q: float
    q_p: float
    i2: float


def equal_weights(effects: np.ndarray) -> Estimate:
    """Equal-weight mean of the effects (cells,), with a t interval over cells."""
    return estimate(effects)


def random_effects(effects: np.ndarray, variances: np.ndarray, least_factor: float = 1.0) -> RandomEffects:
    """Random-effects mean of effects (cells,) with the ``variances`` (cells,) of their estimates.

    The variances must be above 0. See `filled` for cells without spread. NaN for fewer than two cells.
    Hartung and Knapp's factor is ``least_factor`` or more: below 1, intervals of few cells are too short.
    Their own method has 0.
    """
    k = len(effects)
    if k < 2:
        return RandomEffects(*[np.nan] * 12)
    tau2 = reml(effects, variances)
    weights = 1 / (variances + tau2)
    mean = float(weights @ effects / weights.sum())
    factor = max(least_factor, _q(effects, weights) / (k - 1))
    se = float(np.sqrt(factor / weights.sum()))
    critical = float(stats.t.ppf(TAILS[1], k - 1))
    beyond = critical * np.sqrt(tau2 + se**2)
    q = _q(effects, 1 / variances)
    return RandomEffects(
        mean=mean,
        se=se,
        low=mean - critical * se,
        high=mean + critical * se,
        p=float(2 * stats.t.sf(abs(mean) / se, k - 1)),
        predicted_low=mean - beyond,
        predicted_high=mean + beyond,
        heterogeneity=tau2,
        fixed=float(np.average(effects, weights=1 / variances)),
        q=q,
        q_p=float(stats.chi2.sf(q, k - 1)),
        i2=max(0.0, 1 - (k - 1) / q) if q else 0.0,
    )


def reml(effects: np.ndarray, variances: np.ndarray) -> float:
    """Variance between cells by restricted maximum likelihood, 0 or more."""

    def unlikely(tau2: float) -> float:
        weights = 1 / (variances + tau2)
        return float(-np.log(weights).sum() + np.log(weights.sum()) + _q(effects, weights)) / 2

    # The likelihood can have two peaks, so the optimiser starts at the best point of a grid.
    largest = float(np.ptp(effects) ** 2 + variances.max())
    grid = np.concatenate([[0.0], largest * np.geomspace(1e-8, 1, 200)])
    best = int(np.argmin([unlikely(tau2) for tau2 in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    minimum = optimize.minimize_scalar(
        unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-10 * largest}
    )
    return 0.0 if unlikely(0.0) <= minimum.fun else float(minimum.x)


def filled(variances: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """The variances (cells,), with means in place of 0 or NaN.

    A cell with one seed, or with equal scores in all seeds, is not exact because of that. NaN if no cell has
    a variance.
    """
    known = variances > 0
    names = np.array(groups)
    whole = float(variances[known].mean()) if known.any() else np.nan
    replaced = variances.copy()
    for cell in np.flatnonzero(~known):
        alike = known & (names == names[cell])
        replaced[cell] = variances[alike].mean() if alike.any() else whole
    return replaced


def interquartile_mean(cells: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """Mean of the middle half of all differences, with a 95 % bootstrap interval: (mean, low, high).

    ``cells`` have differences (n,) by seed each. Seeds are drawn again within cells, the same in every call.
    NaN without a difference, and no interval without a cell of two seeds.
    """
    if not sum(map(len, cells)):
        return np.nan, np.nan, np.nan
    if max(map(len, cells)) < 2:
        return float(stats.trim_mean(np.concatenate(list(cells)), 0.25)), np.nan, np.nan
    draws = np.random.default_rng(0)
    again = [values[draws.integers(0, len(values), (DRAWS, len(values)))] for values in cells if len(values)]
    low, high = np.quantile(stats.trim_mean(np.concatenate(again, axis=1), 0.25, axis=1), TAILS)
    return float(stats.trim_mean(np.concatenate(list(cells)), 0.25)), float(low), float(high)


def share_gained(cells: Sequence[np.ndarray]) -> float:
    """Share of all pairs of seeds that gained, ties as half; ``cells`` have differences (n,) each."""
    every = np.concatenate(list(cells)) if cells else np.array([])
    return float(np.mean((np.sign(every) + 1) / 2)) if len(every) else np.nan


def _q(effects: np.ndarray, weights: np.ndarray) -> float:
    """Weighted squares about the weighted mean."""
    return float(weights @ (effects - weights @ effects / weights.sum()) ** 2)
