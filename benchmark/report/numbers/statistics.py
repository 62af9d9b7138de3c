"""Statistics over seeds: small pure functions on arrays, an interval beside every mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy import optimize, stats

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE  # of a two-sided test
POWER = 0.8
MANY = 10_000  # seeds; nobody runs more
FLIPS = 9999  # draws of a flip test whose sign patterns are too many to go through
NO_SPREAD = 1e-9  # of the values' size: what rounding leaves of a deviation of 0


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` seeds: sample deviation (n-1) and confidence interval; NaN where undefined."""

    mean: float
    std: float
    n: int
    low: float
    high: float

    @property
    def varies(self) -> bool:
        """Whether the values differ by more than rounding."""
        return self.n > 1 and self.std > NO_SPREAD * max(abs(self.mean), 1.0)

    @property
    def p(self) -> float:
        """The two-sided p-value of Student's test that the mean is 0; NaN where the values do not differ.

        Two seeds that gain the same example say nothing of the spread, least of all that there is none. Only
        if all values are 0, nothing speaks against a mean of 0, and it is 1.
        """
        if self.n > 1 and self.mean == 0 and self.std == 0:
            return 1.0
        if not self.varies:
            return np.nan
        return float(2 * stats.t.sf(abs(self.mean) / self.std * np.sqrt(self.n), self.n - 1))

    @property
    def effect_size(self) -> float:
        """Cohen's d_z: the mean in standard deviations of one value."""
        return self.mean / self.std if self.varies else np.nan

    @property
    def detectable(self) -> float:
        """The smallest true mean that a test of this size finds with a probability of ``POWER``.

        NaN where the values do not differ: that shows no spread, and not that any difference would be found.
        """
        return self.std * detectable(self.n) if self.varies else np.nan


def estimate(values: np.ndarray) -> Estimate:
    """Mean, sample standard deviation and 95 % t interval of ``values`` (n,), one per seed.

    Values that are all the same, and not 0, have no interval: they do not show that others would be the same.
    """
    n = len(values)
    if n == 0:
        return Estimate(np.nan, np.nan, 0, np.nan, np.nan)
    mean = float(np.mean(values))
    if n == 1:
        return Estimate(mean, np.nan, 1, np.nan, np.nan)
    std = float(np.std(values, ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * std / np.sqrt(n)
    found = Estimate(mean, std, n, mean - half, mean + half)
    return found if found.varies or mean == 0 else replace(found, low=np.nan, high=np.nan)


def paired(ours: dict[int, float], others: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """The values of the seeds that both have, in the order of seeds: (n,) and (n,)."""
    seeds = sorted(ours.keys() & others.keys())
    return np.array([ours[seed] for seed in seeds]), np.array([others[seed] for seed in seeds])


def paired_difference(ours: dict[int, float], baseline: dict[int, float]) -> Estimate:
    """The difference ``ours - baseline``, seed by seed, over the seeds both have."""
    mine, plain = paired(ours, baseline)
    return estimate(mine - plain)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's correction of ``p_values`` (m,) for being m; NaN are no tests, and stay."""
    found = np.array(p_values, float)
    tests = np.flatnonzero(~np.isnan(found))
    order = tests[np.argsort(found[tests], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    found[order] = np.minimum(np.maximum.accumulate(found[order] * factors), 1) if len(order) else 0
    return found


@cache
def detectable(n: int, level: float = LEVEL) -> float:
    """The smallest true mean, in standard deviations, that Student's test of ``n`` values finds.

    Found means: with a probability of ``POWER`` at a two-sided ``level``, by the noncentral t distribution.
    """
    critical = float(stats.t.isf(level / 2, n - 1))

    def missed(shift: float) -> float:
        return float(stats.nct.cdf(critical, n - 1, shift)) - (1 - POWER)

    beyond = critical + 10.0
    while missed(beyond) > 0:
        beyond *= 2
    return float(optimize.brentq(missed, 0, beyond)) / float(np.sqrt(n))


def seeds_to_find(effect: float, level: float = LEVEL) -> int:
    """How many seeds find a mean of ``effect`` standard deviations; ``MANY`` if it takes as many or more."""
    if np.isnan(effect) or detectable(MANY, level) > abs(effect):
        return MANY
    few, enough = 1, 2
    while detectable(enough, level) > abs(effect):
        few, enough = enough, min(2 * enough, MANY)
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if detectable(middle, level) <= abs(effect) else (middle, enough)
    return enough


def spread_test(ours: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Pitman and Morgan's test that paired values (n,) and (n,) spread alike: (correlation, p-value).

    The correlation is that of sums and differences, and positive where ``ours`` spread more.
    """
    sums, differences = ours + others, ours - others
    size = max(float(np.abs(sums).max(initial=0)), 1.0)
    if len(ours) < 3 or min(np.std(sums), np.std(differences)) <= NO_SPREAD * size:
        return np.nan, np.nan
    result = stats.pearsonr(sums, differences)
    return float(result[0]), float(result[1])


def seeds_to_correlate(correlation: float, level: float = LEVEL) -> int:
    """How many seeds find a true ``correlation``, by Fisher's transformation; at most ``MANY``."""
    if np.isnan(correlation) or correlation == 0:
        return MANY
    far = stats.norm.isf(level / 2) + stats.norm.isf(1 - POWER)
    needed = (far / np.arctanh(min(abs(correlation), 1 - 1e-12))) ** 2 + 3
    return int(min(np.ceil(needed), MANY))


def maximum_test(ours: np.ndarray, others: np.ndarray) -> float:
    """The two-sided p-value that the maxima of paired values (n,) and (n,) differ as much by chance.

    By swapping the sides of seeds: all patterns where they are few, else draws that are always the same.
    """
    n = len(ours)
    if n < 2:
        return np.nan
    if 2**n <= FLIPS:
        swap = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
    else:
        swap = np.random.default_rng(0).random((FLIPS, n)) < 0.5
        swap[0] = False  # what was seen is one of the patterns
    far = np.where(swap, others, ours).max(1) - np.where(swap, ours, others).max(1)
    seen = abs(float(ours.max() - others.max()))
    return float(np.mean(np.abs(far) >= seen - 1e-12))
