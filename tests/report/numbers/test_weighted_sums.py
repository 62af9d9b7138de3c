"""Sums of means where runs are missing, against sums by seed and simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmark.report.numbers.statistics import estimate
from benchmark.report.numbers.weighted_sums import numbers, weighted_sum


def by_seed(values: np.ndarray, *without: int) -> dict[int, float]:
    return {seed: float(value) for seed, value in enumerate(values, 1) if seed not in without}


def test_whole_seeds_are_summed_by_seed():
    values = np.random.default_rng(1).normal(1, 2, (4, 6))
    assert weighted_sum([by_seed(row) for row in values], 9.0) == estimate(values.sum(0), 9.0)


def test_a_missing_run_costs_its_own_task_alone():
    values = np.random.default_rng(2).normal(1, 2, (3, 5))
    incomplete = [by_seed(row, seed) for seed, row in enumerate(values, 1)]
    found = weighted_sum(incomplete, 9.0)
    every = [np.array(list(row.values())) for row in incomplete]
    variances = [row.var(ddof=1) / 4 for row in every]
    assert found.mean == pytest.approx(sum(row.mean() for row in every))
    assert found.std / np.sqrt(found.n) == pytest.approx(np.sqrt(sum(variances)))
    assert found.freedom == pytest.approx(sum(variances) ** 2 / sum(v**2 / 3 for v in variances))
    assert 3 <= found.freedom <= 9
    assert found.low < found.mean < found.high
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_few_seeds_of_a_quiet_task_cost_little_power():
    """30 seeds of a task with a deviation of 1, and 2 of one with 0.01: the first decides alone."""
    drawn = np.random.default_rng(5)
    loud, quiet = drawn.normal(0, 1, (4000, 30)), drawn.normal(0, 0.01, (4000, 2))
    found = [weighted_sum([by_seed(a), by_seed(b)], 1.0) for a, b in zip(loud, quiet, strict=True)]
    assert np.mean([one.std for one in found]) == pytest.approx(1, abs=0.02)
    assert np.mean([one.largest_std > 1 for one in found]) == pytest.approx(0.975, abs=0.01)
    detectable = np.mean([one.detectable for one in found])
    assert detectable == pytest.approx(0.53, abs=0.01)  # of 30 seeds of a deviation of 1 (G*Power)
    shown = [one.mean + detectable > 0 and replace(one, mean=one.mean + detectable).p < 0.05 for one in found]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.03)


def test_the_deviation_of_a_sum_has_the_freedom_of_its_loudest_task():
    """The task with few seeds has the larger error, and the other one the larger deviation."""
    drawn = np.random.default_rng(6)
    loud, few = drawn.normal(0, 1, (4000, 60)), drawn.normal(0, 0.3, (4000, 2))
    found = [weighted_sum([by_seed(a), by_seed(b)], 1.0) for a, b in zip(loud, few, strict=True)]
    assert np.median([one.freedom for one in found]) < 10
    assert np.mean([one.largest_std > np.sqrt(1.09) for one in found]) == pytest.approx(0.975, abs=0.015)
    assert np.median([one.largest_std for one in found]) < 1.5


def test_a_task_without_a_run_leaves_nothing():
    assert weighted_sum([{1: 1.0}, {}], 1.0).n == weighted_sum([], 1.0).n == 0
    assert np.isnan(weighted_sum([{1: 1.0, 2: 3.0}, {1: 1.0}], 1.0).p)  # one seed shows no spread


def test_no_gain_is_rarely_called_one():
    drawn = np.random.default_rng(3)
    p_values = []
    for _ in range(400):
        rows = [drawn.normal(0, size, 5) for size in (0.2, 1.0, 1.0, 3.0)]
        p_values.append(weighted_sum([by_seed(row, seed) for seed, row in enumerate(rows, 1)], 1.0).p)
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_numbers_that_are_the_same_in_every_repetition_have_no_test():
    lower = numbers([{1: -5.0, 2: -4.0}])
    assert (lower.p, lower.above(0), lower.below(0), lower.above(-4.5)) == (0.0, 1.0, 0.0, 0.5)
    assert numbers([{1: -5.0}]).p == 0.0
    assert numbers([{1: 0.0, 2: 0.0}]).p == numbers([{1: 1.0, 2: -1.0}]).p == 1.0
