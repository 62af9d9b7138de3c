"""The second scope of a verdict: variances of seeds and examples are added."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmark.report import paired_tests
from benchmark.report.numbers.sampling import degrees, error
from benchmark.report.numbers.statistics import estimate
from benchmark.report.scopes import for_sentences, satterthwaite, unknown
from benchmark.report.sums import Sum
from benchmark.report.words import NOT_MEASURED, PREDICTIONS_MISSING, SEEDS_ALONE

GAINS = [1.2, 1.5, 1.3, 1.6, 1.4]


def comparison(gains=GAINS, examples=None):
    mean = Sum(estimate(np.array(gains)))
    return replace(paired_tests.of_sum(mean, "rte", ("a", "b"), 1.0), examples=examples)


def test_degrees_of_freedom_are_satterthwaites():
    drawn = np.random.default_rng(1).normal(size=(2, 9))
    one, other = drawn[0, :5], 3 * drawn[1]
    welch = stats.ttest_ind(one, other, equal_var=False)
    variances = [one.var(ddof=1) / 5, other.var(ddof=1) / 9]
    assert satterthwaite(variances, (4, 8)) == pytest.approx(welch.df)


def test_the_variance_over_examples_is_added():
    seeds = comparison()
    wider = for_sentences(replace(seeds, examples=(0.68, 276)))
    variance = np.var(GAINS, ddof=1) / 5 + 0.68**2
    degrees = variance**2 / ((np.var(GAINS, ddof=1) / 5) ** 2 / 4 + 0.68**4 / 276)
    assert wider.p == pytest.approx(2 * stats.t.sf(1.4 / np.sqrt(variance), degrees))
    assert seeds.p < 1e-3 < 0.04 < wider.p
    assert for_sentences(replace(seeds, examples=(0.0, 276))).p == pytest.approx(seeds.p)


def test_more_sentences_are_never_surer_than_this_set():
    """With two seeds the examples add degrees of freedom, and the sum alone would have a smaller p-value."""
    few = comparison([4.0, 6.0], (0.9, 1000))
    assert for_sentences(few).p == few.p


def test_gains_without_spread_are_as_sure_as_their_examples():
    alike = comparison([1.4] * 25, (0.7, 276))
    assert for_sentences(alike).p == pytest.approx(2 * stats.t.sf(2.0, 276))


def test_examples_that_all_gained_are_as_sure_as_their_number():
    """Of one example nobody knows others: on a set of one, ten seeds that gain it show nothing of sentences."""
    for examples, p in ((1, 1.0), (3, 0.25), (9, 2**-8)):
        shares = {("rte", "validation"): np.zeros(examples)}
        alike = comparison([100.0] * 10, (error(shares), degrees(shares)))
        assert for_sentences(alike).p == pytest.approx(max(p, alike.p))
    assert for_sentences(comparison([0.0] * 10, (0.0, 0.0))).p == 1  # no gain, and none to be sure of


def test_what_is_missing_is_said():
    known, none, lost = (comparison(examples=examples) for examples in ((0.1, 9), None, (np.nan, np.nan)))
    assert unknown([known]) == ""
    assert unknown([known, lost]) == PREDICTIONS_MISSING
    assert unknown([known, none]) == SEEDS_ALONE
    assert unknown([comparison([], (np.nan, np.nan))]) == NOT_MEASURED
    assert np.isnan([for_sentences(lost).p, for_sentences(none).p]).all()
