"""Means and deviations that counts of right answers can give, against all runs that there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmark.report.papers.right_answers import (
    CUT_OFF,
    POPULATION,
    ROUNDED,
    SAMPLE,
    possible_deviations,
    possible_mean,
    reachable,
)


@pytest.mark.parametrize(("runs", "examples", "decimals"), [(1, 7, 1), (3, 11, 2), (5, 9, 1), (2, 13, 0)])
def test_a_mean_is_possible_if_some_count_is_printed_so(runs, examples, decimals):
    shares = [100 * count / (runs * examples) for count in range(runs * examples + 1)]
    unit = 10.0**-decimals
    for step in range(round(100 / unit) + 1):
        printed = step * unit
        rounded = any(abs(share - printed) <= unit / 2 + 1e-9 for share in shares)
        cut = any(-1e-9 <= share - printed < unit - 1e-9 for share in shares)
        assert possible_mean(printed, runs * examples, decimals) == (
            ROUNDED if rounded else CUT_OFF if cut else None
        )


@pytest.mark.parametrize(("runs", "examples"), [(2, 17), (3, 13), (4, 8)])
def test_the_deviation_of_any_runs_is_possible_and_of_its_own_kind(runs, examples):
    for counts in itertools.combinations_with_replacement(range(examples + 1), runs):
        shares = np.array(counts) * 100 / examples
        mean = round(float(shares.mean()), 2)
        for kind, ddof in ((POPULATION, 0), (SAMPLE, 1)):
            deviation = round(float(shares.std(ddof=ddof)), 2)
            assert kind in possible_deviations(mean, deviation, runs, examples, 2), counts


def test_a_deviation_that_no_runs_have_is_not_possible():
    every = {
        (round(float(shares.mean()), 2), kind, round(float(shares.std(ddof=ddof)), 2))
        for counts in itertools.combinations_with_replacement(range(14), 3)
        for shares in [np.array(counts) * 100 / 13]
        for kind, ddof in ((POPULATION, 0), (SAMPLE, 1))
    }
    mean = round(100 * 20 / 39, 2)
    for step in range(4000):
        found = possible_deviations(mean, step / 100, 3, 13, 2)
        # Counts below 0 or above all examples are no runs, and far from this mean.
        expected = {kind for kind in (POPULATION, SAMPLE) if (mean, kind, step / 100) in every}
        assert found == expected or step > 3500


def test_sums_of_squares_are_those_of_all_whole_numbers_with_the_total():
    squares = {
        sum(n * n for n in numbers)
        for numbers in itertools.product(range(-5, 6), repeat=3)
        if sum(numbers) == 1
    }
    assert {bit for bit in range(26) if reachable(3, 1, 25) >> bit & 1} == {s for s in squares if s <= 25}
