"""The number of seeds that would decide a claim: at the printed effect, for all its comparisons together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmark.report import paired_tests
from benchmark.report.enough import in_words, seeds_to_decide
from benchmark.report.numbers.noncentral import power, seeds_for
from benchmark.report.numbers.statistics import MANY, estimate, largest_std
from benchmark.report.sums import Sum


def comparison(values: list[float], printed: float = np.nan):
    mean = Sum(estimate(np.array(values)))
    return replace(paired_tests.of_sum(mean, "rte", ("a", "b"), 1.0), printed=printed)


def test_the_spread_is_the_upper_end_of_its_interval():
    drawn = np.random.default_rng(1).normal(0, 2, (4000, 5)).std(1, ddof=1)
    assert np.mean([largest_std(std, 4) > 2 for std in drawn]) == pytest.approx(0.975, abs=0.01)


def test_all_comparisons_are_shown_together_at_the_printed_effect():
    seen = [0.1, -0.2, 0.3, 0.0, -0.1]
    cells = [[comparison(seen, printed=1.0)] for _ in range(4)]
    size = 1.0 / largest_std(float(np.std(seen, ddof=1)), 4)
    seeds, effect = seeds_to_decide(cells, 4)
    assert effect == "the printed effect"
    assert seeds == seeds_for([size] * 4)
    assert power([size] * 4, seeds) >= 0.8 > power([size] * 4, seeds - 1)
    assert seeds_to_decide(cells[:1], 1)[0] < seeds


def test_where_nothing_is_printed_the_effect_is_the_one_seen():
    cells = [[comparison([1.0, 0.2, 0.7, 0.4, 1.1])], [comparison([0.5, 0.1, 0.2, 0.4, 0.3], printed=2.0)]]
    seeds, effect = seeds_to_decide(cells, 2)
    assert effect == "the effect seen"
    assert in_words(cells, 2) == f"at the effect seen, about {seeds} seeds would decide"


def test_a_printed_effect_that_is_not_as_claimed_is_never_shown():
    cells = [[comparison([0.1, -0.2, 0.3], printed=-0.5)], [comparison([0.1, -0.2, 0.3], printed=3.0)]]
    assert seeds_to_decide(cells, 2)[0] == MANY
    assert in_words(cells, 2) == "at the printed effect, no number of seeds in reach would decide"
    assert seeds_to_decide(cells, 1)[0] < MANY  # one of the two is enough


def test_no_effect_is_not_promised_to_be_decided_by_a_few_seeds():
    """Null tables of 36 cells: what was seen is chance, and the printed gains are what a reader asks about."""
    drawn = np.random.default_rng(2).normal(0, 1, (36, 5))
    cells = [[comparison(list(row), printed=0.6)] for row in drawn]
    assert seeds_to_decide(cells, 36)[0] > 100


def test_fewer_cells_than_are_claimed_are_decided_by_no_seeds():
    assert seeds_to_decide([[comparison([1.0, 1.2, 0.8])]], 2)[0] == MANY


def test_one_seed_shows_no_spread():
    assert in_words([[comparison([1.0])]], 1) == "one seed shows no spread"


def test_the_interval_is_scipys():
    low = stats.chi2(4).interval(0.95)[0]
    assert largest_std(1.5, 4) == pytest.approx(1.5 * np.sqrt(4 / low))


def test_lost_runs_are_not_counted_in_the_number_of_seeds():
    lossy = replace(comparison([2.9, 3.4, 2.5, 3.2, 3.0]), lost=(20, 0))
    assert seeds_to_decide([[lossy]], 1)[1] == "the effect seen, if no run is lost"
    assert "at the effect seen, if no run is lost, about " in in_words([[lossy]], 1)
    gone = replace(comparison([]), lost=(5, 0))  # a cell in which the method always diverges
    whole = comparison([2.9, 3.4, 2.5, 3.2, 3.0])
    assert "no number of seeds in reach" in in_words([[whole], [gone]], 2)
    assert seeds_to_decide([[whole], [comparison([])]], 2)[0] < MANY  # one that was not run yet
