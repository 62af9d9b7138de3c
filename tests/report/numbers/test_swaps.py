"""Exact tests of paired values, against scipy and patterns counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmark.report.numbers import spread
from benchmark.report.numbers.maxima import maximum_test, p_values
from benchmark.report.numbers.spread import spread_test
from benchmark.report.numbers.statistics import MANY
from benchmark.report.numbers.swaps import (
    fewest_seeds,
    patterns,
    ranked_signs,
    swap_test,
)

OURS = np.array([70.4, 71.2, 69.8, 70.9, 70.1, 70.6, 71.0, 69.9])
OTHERS = np.array([71.9, 68.7, 73.0, 70.2, 66.9, 71.5, 74.1, 69.0])
DRAWN = np.random.default_rng(5)


def ratio(ours: np.ndarray, others: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.log(np.abs(ours).mean(axis) / np.abs(others).mean(axis))


def test_the_worked_example_of_spread():
    assert spread_test(OURS, OTHERS) == pytest.approx((-1.500898, 2 / 256), abs=1e-6)
    assert spread_test(OTHERS, OURS) == pytest.approx((1.500898, 2 / 256), abs=1e-6)
    # 74.1 - 66.9 and the like: neither the place nor the size of the scores matters.
    assert spread_test(1e-9 * OURS - 3, 1e-9 * OTHERS) == pytest.approx((-1.500898, 2 / 256), abs=1e-5)


@pytest.mark.parametrize("n", [6, 9, 13])
def test_spread_is_tested_as_scipy_swaps(n):
    ours, others = DRAWN.normal(0, 1, n), DRAWN.normal(0, 2, n)
    sides = (ours - np.median(ours), others - np.median(others))
    expected = stats.permutation_test(
        sides, ratio, permutation_type="samples", alternative="two-sided", n_resamples=9999
    )
    found, p = spread_test(ours, others)
    assert found == pytest.approx(expected.statistic)
    # scipy doubles the smaller tail; the two are the same where all patterns come in pairs.
    assert p == pytest.approx(expected.pvalue)


def test_one_collapsed_run_does_not_decide_on_spread():
    """One run at 30 on the stabler side, and one at 30 of a side that is alike: neither is evidence."""
    for seed in range(20):
        drawn = np.random.default_rng(seed)
        stable, plain = drawn.normal(70, 1, 25), drawn.normal(70, 1, 25)
        stable[0] = 30
        assert spread_test(stable, plain)[1] > 0.025
        assert stats.pearsonr(stable + plain, stable - plain).pvalue < 1e-6  # what Pitman and Morgan say


def test_equal_spread_is_wrong_as_often_as_the_level_says():
    def wrong(draw) -> float:
        return float(np.mean([spread_test(draw(), draw())[1] <= 0.05 for _ in range(120)]))

    drawn = np.random.default_rng(11)
    assert wrong(lambda: drawn.normal(size=13)) < 0.11  # three standard errors above 0.05
    assert wrong(lambda: drawn.exponential(size=13)) < 0.11
    assert wrong(lambda: drawn.standard_t(3, 13)) < 0.11


def test_five_seeds_cannot_differ_in_spread_or_maximum_and_six_can():
    assert (fewest_seeds(0.05), fewest_seeds(2 / 64), fewest_seeds(0.031)) == (6, 6, 7)
    assert (spread.fewest_seeds(0.05), spread.fewest_seeds(0.031)) == (6, 8)
    for n in (5, 6, 7, 8):
        wide = np.random.default_rng(n).permuted(100.0 * np.arange(n) + 50)
        smallest = min(spread_test(order * 1e-3, wide)[1] for order in _orders(n))
        assert smallest == (2 + 2 * (n % 2)) / 2**n


def _orders(n: int) -> np.ndarray:
    return np.array([np.random.default_rng(seed).permutation(n) + 0.0 for seed in range(40)])


def test_values_without_spread_are_no_evidence_of_it():
    assert np.isnan(spread_test(np.ones(8), np.full(8, 2.0))).all()
    assert np.isnan(spread_test(np.ones(1), np.ones(1))).all()
    found, p = spread_test(np.ones(8), np.arange(8.0))
    assert (found, p) == (-np.inf, 2 / 256)


def test_rounding_is_no_spread():
    alike = 70 + 1e-14 * np.arange(8)
    assert np.isnan(spread_test(alike, np.full(8, 70.0))[1])


def test_patterns_are_all_or_many_and_start_with_the_observed():
    assert patterns(3).shape == (8, 3)
    assert len(np.unique(patterns(13), axis=0)) == 2**13
    assert patterns(14).shape == (10_000, 14)
    assert not patterns(3)[0].any()
    assert not patterns(14)[0].any()
    assert patterns(25) is patterns(25)


def test_a_swapped_maximum():
    ours, others = np.array([5.0, 6, 7]), np.array([1.0, 2, 3])
    # Of 8 patterns only none and all swapped leave the maxima 4 apart.
    assert maximum_test(ours, others) == (4, 0.25)
    assert maximum_test(others, ours) == (-4, 0.25)
    assert (
        maximum_test(np.full(30, 5.0), np.full(30, 1.0))[1] == 2.0**-29
    )  # of all 2^30 patterns, two are as far
    assert np.isnan(maximum_test(ours[:1], others[:1])).all()


@pytest.mark.parametrize("decimals", [6, 1])  # without ties, and with them
def test_p_values_of_maxima_are_those_of_all_patterns(decimals):
    rng = np.random.default_rng(3)
    for n in (2, 3, 6, 10):
        ours, others = np.round(rng.normal(size=(2, 20, n)), decimals)
        by_hand = [
            swap_test(*sides, lambda a, b: a.max(-1) - b.max(-1)) for sides in zip(ours, others, strict=True)
        ]
        assert np.transpose(p_values(ours, others)) == pytest.approx(np.array(by_hand))


def test_seeds_that_find_a_ratio_of_spreads_find_it():
    n = spread.seeds_to_find(np.log(0.5))
    assert 22 <= n <= 30
    drawn = np.random.default_rng(8)
    found = np.mean([spread_test(drawn.normal(0, 1, n), drawn.normal(0, 2, n))[1] < 0.05 for _ in range(150)])
    assert 0.7 < found < 0.95
    assert spread.seeds_to_find(100.0) == 10  # sides of quite another size still have to be swapped
    assert spread.seeds_to_find(0.0) == spread.seeds_to_find(np.nan) == MANY


@pytest.mark.parametrize("n", [2, 5, 13, 25, 60])
def test_signed_ranks_are_wilcoxons(n):
    values = np.random.default_rng(n).normal(0.4, 1, n)
    expected = stats.wilcoxon(values, method="exact")
    signed, p = ranked_signs(values)
    assert p == pytest.approx(expected.pvalue)
    assert abs(signed) == pytest.approx(n * (n + 1) / 2 - 2 * expected.statistic)
    assert ranked_signs(-values) == pytest.approx((-signed, p))


def test_signed_ranks_with_ties_and_zeros_go_through_all_patterns():
    values = np.array([0.36, 0.36, -0.36, 0.0, 0.72, 1.08, 0.0, -50])
    ranks = stats.rankdata(np.abs(values)) * np.sign(values)
    sums = np.where(patterns(8), -ranks, ranks).sum(1)
    expected = (ranks.sum(), np.mean(np.abs(sums) >= abs(ranks.sum())))
    assert ranked_signs(values) == pytest.approx(expected)
    assert ranked_signs(values + 1e-14) == pytest.approx(expected)  # rounding makes no rank
    assert ranked_signs(np.zeros(5)) == (0, 1)
    assert np.isnan(ranked_signs(np.ones(1))).all()


def test_a_failed_run_costs_ranks_little():
    gains = np.random.default_rng(2).normal(1, 0.5, 25)
    gains[0] = -50
    assert ranked_signs(gains)[1] < 0.01
    assert stats.ttest_1samp(gains, 0).pvalue > 0.5
