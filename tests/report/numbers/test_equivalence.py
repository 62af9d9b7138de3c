"""Claims of equality, against numbers of statsmodels and the intervals that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmark.report.numbers.equivalence import alike, not_worse, outside, power_within, seeds_within, within
from benchmark.report.numbers.statistics import estimate

MRPC = np.array([-0.49, 0.25, 0.0, 0.25, -0.25])


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    return stats.t.interval(confidence, len(values) - 1, values.mean(), stats.sem(values))


def test_the_worked_example():
    # statsmodels 0.15: ttost_paired(d, zeros, -1, 1)[0]
    assert within(estimate(MRPC), 1) == pytest.approx(0.001365104, abs=1e-9)
    assert estimate(MRPC).above(-0.25) == pytest.approx(
        stats.ttest_1samp(MRPC, -0.25, alternative="greater").pvalue
    )
    assert outside(estimate(MRPC), 1) == 1


@pytest.mark.parametrize("margin", [0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("mean", [0.0, 0.6, -2.0])
def test_p_values_say_where_intervals_lie(mean, margin):
    values = np.random.default_rng(1).normal(mean, 0.4, 12)
    low, high = interval(values, 0.9)
    assert (within(estimate(values), margin) < 0.05) == (-margin < low and high < margin)
    low, high = interval(values, 0.95)
    assert (outside(estimate(values), margin) < 0.05) == (low > margin or high < -margin)
    better, worse = not_worse(estimate(values), margin)
    assert (better < 0.025) == (low > -margin)
    assert (worse < 0.025) == (high < -margin)


def test_equal_differences_are_counted():
    assert within(estimate(np.full(5, 0.1)), 0.5) == 2.0**-5
    assert within(estimate(np.full(5, 0.9)), 0.5) == 1 - 2.0**-5
    assert outside(estimate(np.full(6, 0.9)), 0.5) == 2.0**-5
    assert within(estimate(np.full(5, 0.5)), 0.5) == 0.5  # on the bound
    assert np.isnan(within(estimate(np.ones(1)), 0.5))
    assert np.isnan(outside(estimate(np.ones(0)), 0.5))


def test_several_arms_are_alike_if_all_pairs_are():
    drawn = np.random.default_rng(3)
    values = 70 + drawn.normal(0, 0.1, (8, 3))
    values[:, 2] += 0.3
    first, second, third = values.T
    pairs = [estimate(first - third), estimate(second - third), estimate(first - second)]
    p, against = alike([(within(pair, 0.5), outside(pair, 0.5)) for pair in pairs])
    assert p == max(within(pair, 0.5) for pair in pairs)
    assert (p < 0.05, against) == (True, 1)
    p, against = alike([(within(pair, 0.1), outside(pair, 0.1)) for pair in pairs])
    assert against == pytest.approx(3 * min(outside(pair, 0.1) for pair in pairs[:2]))
    assert p > 0.5
    assert np.isnan(alike([])).all()
    assert np.isnan(alike([(0.01, 0.5), (np.nan, np.nan)])).all()


@pytest.mark.parametrize(
    ("spread", "n", "expected"),
    [
        *((0.35, 5, 0.68), (0.35, 10, 0.99), (0.7, 5, 0.09), (0.7, 10, 0.36), (0.7, 25, 0.94)),
        *((1.4, 10, 0.01), (1.4, 25, 0.12), (1.4, 50, 0.60)),
    ],
)
def test_power_at_equality(spread, n, expected):
    assert power_within(spread, 0.5, n) == pytest.approx(expected, abs=0.02)
    assert (seeds_within(spread, 0.5) <= n) == (expected > 0.8)


def test_a_difference_of_the_margin_is_rarely_called_alike():
    drawn = np.random.default_rng(6).normal(0.5, 0.35, (500, 8))
    assert np.mean([within(estimate(row), 0.5) <= 0.05 for row in drawn]) == pytest.approx(0.05, abs=0.03)
