"""Claims on several cells, against worked numbers and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmark.report.numbers.conjunctions import ONE_SIDED, at_least, helped, most, one_sided

WORKED = [0.030765, 0.047364, 0.118288, 0.141294, 0.200174, 0.621997]


def test_the_worked_example_surely_helps_in_no_cell():
    assert min(at_least(WORKED, u) for u in range(1, 7)) == pytest.approx(6 * 0.030765)  # .184590
    assert helped(WORKED) == 0
    # A level that the smallest (m - u + 1) p_(u) just reaches, and just misses.
    assert (helped(WORKED, 0.1846), helped(WORKED, 0.1845)) == (1, 0)


def test_at_least_so_many_cells():
    p_values = [0.001, 0.004, 0.01, 0.02, 0.5]
    assert [at_least(p_values, u) for u in (1, 2, 4, 5)] == pytest.approx([0.005, 0.016, 0.04, 0.5])
    assert at_least(p_values, 3) == pytest.approx(3 * 0.01)
    assert helped(p_values) == 2
    assert np.isnan(at_least(p_values, 6))
    assert np.isnan(at_least(p_values, 0))


def test_all_cells_need_no_correction_and_are_evidence_of_fewer():
    p_values = [0.02] * 8
    assert at_least(p_values, 8) == 0.02
    assert at_least(p_values, 5) == 0.02  # not (8 - 5 + 1) * 0.02: all eight are shown
    assert helped(p_values) == 8


def test_a_cell_that_was_not_tested_is_one_that_shows_nothing():
    p_values = [0.001, np.nan, 0.002]
    assert at_least(p_values, 3) == 1
    assert at_least(p_values, 2) == pytest.approx(0.004)
    assert (helped(p_values), helped([])) == (2, 0)


def test_a_two_sided_p_value_is_halved_in_its_own_direction():
    drawn = np.random.default_rng(0).normal(0.5, 1, 8)
    p = stats.ttest_1samp(drawn, 0).pvalue
    for side, sign in (("greater", 1), ("less", -1)):
        expected = stats.ttest_1samp(drawn, 0, alternative=side).pvalue
        assert one_sided(sign * drawn.mean(), p) == pytest.approx(expected)
    assert np.isnan(one_sided(1.0, np.nan))


def test_most():
    assert [most(m) for m in (1, 2, 3, 8, 9)] == [1, 2, 2, 5, 5]


def test_counts_of_helped_cells_are_rarely_too_large():
    """Cells with a true effect so large that they always count, and cells without."""
    drawn = np.random.default_rng(4)
    for true, m in ((0, 8), (5, 8), (7, 8)):
        p_values = drawn.random((4000, m))
        p_values[:, :true] = 1e-9
        wrong = np.mean([helped(row) > true for row in p_values])
        assert wrong == pytest.approx(ONE_SIDED, abs=0.008)  # three standard errors


@pytest.mark.parametrize(("spread", "expected"), [(1.0, 0.92), (1.41, 0.09), (2.0, 0.0)])
def test_a_gain_of_three_in_all_of_36_cells_is_found_as_often_as_computed(spread, expected):
    drawn = np.random.default_rng(7).normal(3, spread, (600, 36, 5))
    p_values = stats.ttest_1samp(drawn, 0, axis=2, alternative="greater").pvalue
    found = np.mean([at_least(row, 36) <= ONE_SIDED for row in p_values])
    assert found == pytest.approx(expected, abs=0.04)
