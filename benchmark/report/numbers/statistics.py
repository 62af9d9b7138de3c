"""Statistics over seeds: small pure functions on arrays, an interval beside every mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy import optimize, stats

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE  # level of a two-sided test
POWER = 0.8
MANY = 10_000  # seeds; nobody runs more
NO_SPREAD = 1e-12  # relative to the values: some thousand times their last digit, so rounding


@dataclass(frozen=True)
class Unequal:
    """A sum's errors, over tasks with different numbers of seeds.

    ``error`` is the standard error with its degrees of ``freedom``, ``of_std`` those of the deviation.
    """

    error: float
    freedom: float
    of_std: float


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` seeds: sample deviation (n-1) and confidence interval; NaN if undefined.

    ``size`` is the size of the numbers from which the values were computed; it decides the size of rounding
    errors. A sum over tasks that have ``unequal`` numbers of seeds has the smallest one as ``n``. An ``exact`` value
    is compared as a number, without a test: ``low`` and ``high`` are the ends of its range.
    """

    mean: float
    std: float
    n: int
    low: float
    high: float
    size: float = 0.0
    unequal: Unequal | None = None
    exact: bool = False

    @property
    def varies(self) -> bool:
        """True if the values differ by more than rounding."""
        return self.n > 1 and self.std > NO_SPREAD * self.size

    @property
    def error(self) -> float:
        """The standard error of the mean; NaN without values."""
        return self.unequal.error if self.unequal else self.std / float(np.sqrt(self.n)) if self.n else np.nan

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the standard error."""
        return self.unequal.freedom if self.unequal else self.n - 1

    @property
    def largest_std(self) -> float:
        """The upper end of the 95 % interval of the deviation: few seeds may show less spread than there is."""
        return largest_std(self.std, self.unequal.of_std if self.unequal else self.n - 1)

    @property
    def p(self) -> float:
        """Two-sided p-value of Student's test that the mean is 0; NaN for fewer than two seeds.

        If all values are the same, there is no spread for Student's test, so their signs are tested: each is
        as likely above 0 as below. If all are 0, p is 1.
        """
        return 2 * (self.above(0.0) if self.mean > 0 else self.below(0.0))

    def above(self, bound: float) -> float:
        """One-sided p-value of Student's test that the mean is above ``bound``.

        If all values are the same, their signs are tested. NaN for fewer than two.
        """
        if self.exact:
            return 0.0 if self.low > bound else 1.0 if self.high < bound else 0.5
        if self.n < 2 or np.isnan(self.mean):
            return np.nan
        beyond = self.mean - bound
        if not self.varies:
            level = abs(beyond) <= NO_SPREAD * max(self.size, abs(bound))
            return 0.5 if level else 2.0**-self.n if beyond > 0 else 1 - 2.0**-self.n
        return float(stats.t.sf(beyond / self.error, self.freedom))

    def below(self, bound: float) -> float:
        """One-sided p-value that the mean is below ``bound``, as `above`."""
        return replace(self, mean=-self.mean, low=-self.high, high=-self.low).above(-bound)

    @property
    def effect_size(self) -> float:
        """Cohen's d_z: the mean in standard deviations of one value."""
        return self.mean / self.std if self.varies else np.nan

    @property
    def detectable(self) -> float:
        """Smallest true mean that this test detects with a probability of ``POWER``.

        NaN if the values do not differ: their spread is unknown, and so is the detectable mean.
        """
        return self.error * shift_found(self.freedom) if self.varies else np.nan


def estimate(values: np.ndarray, size: float | None = None) -> Estimate:
    """Mean, sample standard deviation and 95 % t interval of ``values`` (n,), one per seed.

    ``size`` is the largest of the numbers that the values were computed from; default: the largest value.
    Equal values other than 0 have no interval: they do not prove that other seeds would give the same value.
    """
    n = len(values)
    if n == 0:
        return Estimate(np.nan, np.nan, 0, np.nan, np.nan)
    size = float(np.abs(values).max()) if size is None else size
    mean = settled(float(np.mean(values)), size)
    if n == 1:
        return Estimate(mean, np.nan, 1, np.nan, np.nan)
    std = settled(float(np.std(values, ddof=1)), size)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * std / np.sqrt(n)
    whole = Estimate(mean, std, n, mean - half, mean + half, size)
    return whole if whole.varies or mean == 0 else replace(whole, low=np.nan, high=np.nan)


def settled(value: float, size: float) -> float:
    """A computed ``value``, or 0 if it is the rounding of numbers of a ``size``."""
    return 0.0 if abs(value) <= NO_SPREAD * size else value


def paired(ours: dict[int, float], others: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """The values (n,) and (n,) of the seeds that both sides have, ordered by seed."""
    seeds = sorted(ours.keys() & others.keys())
    return np.array([ours[seed] for seed in seeds]), np.array([others[seed] for seed in seeds])


def paired_difference(ours: dict[int, float], baseline: dict[int, float]) -> Estimate:
    """The difference ``ours - baseline``, seed by seed, over the seeds that both have."""
    mine, vanilla = paired(ours, baseline)
    return difference(mine, vanilla)


def difference(ours: np.ndarray, others: np.ndarray) -> Estimate:
    """The difference of paired values (n,) and (n,)."""
    return estimate(ours - others, float(np.abs([ours, others]).max(initial=0.0)))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's correction of ``p_values`` (m,) for m tests; NaN does not count as a test and stays."""
    corrected = np.array(p_values, float)
    tests = np.flatnonzero(~np.isnan(corrected))
    order = tests[np.argsort(corrected[tests], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    if len(order):
        corrected[order] = np.minimum(np.maximum.accumulate(corrected[order] * factors), 1)
    return corrected


def largest_std(std: float, freedom: float) -> float:
    """The upper end of a deviation's 95 % interval, by its ``freedom``; NaN without any."""
    return std * float(np.sqrt(freedom / stats.chi2.ppf(LEVEL / 2, freedom))) if freedom > 0 else np.nan


def detectable(n: int, level: float = LEVEL) -> float:
    """Smallest true mean, in standard deviations, that Student's test of ``n`` values detects."""
    return shift_found(n - 1, level) / float(np.sqrt(n))


@cache
def shift_found(freedom: float, level: float = LEVEL) -> float:
    """Smallest true mean, in standard errors, that Student's test with ``freedom`` degrees detects.

    It is detected with a probability of ``POWER`` at a two-sided ``level``, by the noncentral t
    distribution.
    """
    critical = float(stats.t.isf(level / 2, freedom))

    def missed(shift: float) -> float:
        return float(stats.nct.cdf(critical, freedom, shift)) - (1 - POWER)

    beyond = critical + 10.0
    while missed(beyond) > 0:
        beyond *= 2
    return float(optimize.brentq(missed, 0, beyond))
