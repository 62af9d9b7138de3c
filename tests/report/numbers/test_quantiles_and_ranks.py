"""Tests of medians, quantiles, orders and ranks, against scipy and simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from benchmark.report.numbers import ranks
from benchmark.report.numbers.orders import deviations, order_test
from benchmark.report.numbers.quantiles import quantile_test

DRAWN = np.random.default_rng(4)


def rejected(draw: Callable[[], tuple[np.ndarray, np.ndarray]], level: float = 0.5) -> float:
    return float(np.mean([quantile_test(*draw(), level)[1] <= 0.05 for _ in range(150)]))


def test_medians_of_unequal_spread_are_not_told_apart():
    """Without a standard error beneath, swaps call a fifth of the first pairs different."""
    drawn = np.random.default_rng(8)
    assert rejected(lambda: (drawn.normal(0, 1, 12), drawn.normal(0, 4, 12))) <= 0.13
    assert rejected(lambda: (DRAWN.standard_t(3, 9), DRAWN.standard_t(3, 9))) <= 0.1
    assert rejected(lambda: (DRAWN.normal(2, 1, 12), DRAWN.normal(0, 1, 12))) > 0.8


def test_quantiles_are_those_of_the_sample():
    ours, others = DRAWN.normal(1, 1, 12), DRAWN.normal(0, 1, 12)
    difference, p = quantile_test(ours, others, 0.1)
    assert difference == pytest.approx(np.quantile(ours, 0.1) - np.quantile(others, 0.1))
    assert quantile_test(others, ours, 0.1) == pytest.approx((-difference, p))
    assert quantile_test(ours, ours, 0.5) == (0.0, 1.0)
    assert quantile_test(np.arange(6) + 9.0, np.arange(6) + 0.0, 0.5)[1] == pytest.approx(2 / 64)
    assert np.isnan(quantile_test(np.ones(1), np.ones(1), 0.5)).all()


@pytest.mark.parametrize(
    "shape", [lambda size: DRAWN.normal(0, 1, size), lambda size: DRAWN.standard_t(3, size)]
)
def test_equal_spreads_have_no_trend(shape):
    weights = np.array([-1.0, -1.0, -1.0, 3.0])
    found = [order_test(deviations(shape((6, 4))), weights, draws=199)[1] for _ in range(200)]
    assert np.mean(np.array(found) <= 0.05) <= 0.09


def test_a_spread_that_grows_is_found():
    sizes = np.array([0.5, 1.0, 2.0, 4.0])
    mean, p = order_test(deviations(DRAWN.normal(0, 1, (25, 4)) * sizes), np.array([-1.5, -0.5, 0.5, 1.5]))
    assert mean > 0
    assert p < 0.01
    assert np.isnan(order_test(np.ones((1, 4)), np.ones(4))).all()


def test_rank_correlations_are_scipys():
    first, second = DRAWN.normal(size=5), DRAWN.normal(size=5)
    expected = stats.permutation_test(
        (first,), lambda x: stats.spearmanr(x, second).statistic, permutation_type="pairings", n_resamples=200
    )
    assert ranks.permutation_test(first, second) == pytest.approx((expected.statistic, expected.pvalue))
    first, second = DRAWN.normal(size=12), np.round(DRAWN.normal(size=12))
    expected = stats.spearmanr(first, second)
    assert ranks.permutation_test(first, second) == pytest.approx(tuple(expected), abs=0.03)
    assert ranks.permutation_test(np.arange(5), np.arange(5) ** 3) == pytest.approx((1.0, 2 / 120))
    assert np.isnan(ranks.spearman(np.arange(2), np.arange(2)))
    assert np.isnan(ranks.spearman(np.arange(4), np.ones(4)))
    assert ranks.seeds_to_find(1.0, 0.05) == 5  # 2 of 120 orders
    assert ranks.seeds_to_find(0.5, 0.05) == 30
