"""Rates of failed runs, against numbers of statsmodels and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.report.numbers.rates import RateDifference, paired_rates
from benchmark.report.numbers.statistics import MANY


def test_rates_are_compared_by_mcnemars_exact_test():
    # statsmodels 0.15: mcnemar([[3, 2], [9, 11]], exact=True) and mcnemar([[0, 1], [6, 0]], exact=True)
    both, ours, others = range(3), range(3, 5), range(5, 14)
    rate = paired_rates({*both, *ours}, {*both, *others}, range(25))
    assert (rate.difference, rate.apart, rate.n) == (pytest.approx(-7 / 25), 11 / 25, 25)
    assert rate.p == pytest.approx(0.0654296875)
    assert paired_rates([0], range(1, 7), range(7)).p == pytest.approx(0.125)
    assert paired_rates([], range(6), range(25)).p == pytest.approx(2 / 64)


def test_pairs_that_fail_together_or_were_not_planned_tell_nothing():
    assert paired_rates([1], [1], range(5)) == RateDifference(0, 0, 5, 1)
    assert paired_rates([30], [], range(5)) == RateDifference(0, 0, 5, 1)
    assert np.isnan(paired_rates([1], [], []).p)
    assert paired_rates([1], [1], range(5)).needed() == paired_rates([], [], []).needed() == MANY


def test_as_many_pairs_as_needed_find_the_rates():
    needed = paired_rates([], range(6), range(25)).needed()  # 24 % of plain runs fail, and none of ours
    drawn = np.random.default_rng(0).random((300, needed)) < 6 / 25
    found = np.mean(
        [paired_rates([], np.flatnonzero(row).tolist(), range(needed)).p <= 0.05 for row in drawn]
    )
    assert 0.6 < found < 0.95
