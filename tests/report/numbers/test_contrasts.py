"""Trends and optima, against least squares and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.report.numbers.contrasts import centred, optimum, slopes
from benchmark.report.numbers.statistics import estimate

SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
DRAWN = np.random.default_rng(2)


def test_slopes_are_those_of_least_squares():
    values = DRAWN.normal(size=(5, 10))
    for scale, positions in (("linear", SHARES), ("log", np.log2(SHARES))):
        expected = [np.polyfit(positions, row, 1)[0] for row in values]
        assert slopes(values, SHARES, scale) == pytest.approx(expected)
    assert slopes(np.array([[3.0, 2.0, 1.0]]), [1, 2, 4], "log") == pytest.approx([-1])  # per doubling
    order = DRAWN.permutation(10)
    assert slopes(values[:, order], np.array(SHARES)[order], "log") == pytest.approx(
        slopes(values, SHARES, "log")
    )


def test_seeds_without_the_whole_axis_are_left_out():
    values = np.array([[0.0, 1.0], [0.0, np.nan], [0.0, 3.0]])
    assert slopes(values, [0, 1]).tolist() == [1, 3]
    with np.errstate(all="raise"):
        assert slopes(values[1:2], [0, 1]).tolist() == []


@pytest.mark.parametrize(
    ("axis", "scale", "message"),
    [
        ([0, 1], "log", "a trend over 0, 1 has no log scale: positions must be above 0"),
        ([2, 2], "linear", r"two different positions; got \[2, 2\]"),
        ([1], "linear", "two different positions"),
        ([1, 2], "cubic", "scale 'cubic' of a trend; valid: linear, log"),
    ],
)
def test_an_axis_without_a_trend_is_refused(axis, scale, message):
    with pytest.raises(BenchmarkError, match=message):
        centred(axis, scale)


@pytest.mark.parametrize(
    ("spread", "found", "wrong"), [(0.7, (0.95, 1.0), (0, 0.1)), (1.5, (0.29, 0.55), (0, 0.1))]
)
def test_a_falling_gain_is_found_as_often_as_computed(spread, found, wrong):
    """A gain of 3 points at a tenth that falls to 0.5 at all, 5 seeds: 99 and 41 %."""
    gain = np.interp(np.log(SHARES), np.log([0.1, 1.0]), [3.0, 0.5])
    drawn = np.random.default_rng(3)
    for truth, (low, high) in ((gain, found), (np.full(10, 1.7), wrong)):
        trends = [
            estimate(slopes(truth + drawn.normal(0, spread * np.sqrt(2), (5, 10)), SHARES, "log"))
            for _ in range(300)
        ]
        assert low <= np.mean([trend.p <= 0.05 and trend.mean < 0 for trend in trends]) <= high


def test_an_optimum_is_above_both_sides():
    values = np.array([[1.0, 2, 5, 7, 3, 2, 1], [0.0, 0, 4, 4, 2, 2, 2], [np.nan, 0, 0, 0, 0, 0, 0]])
    strengths = [0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
    over_smaller, over_larger = optimum(values, strengths, [0.1, 0.15])
    assert over_smaller.tolist() == [6 - 1.5, 4]
    assert over_larger.tolist() == [6 - 2, 2]
    for best in ([0.01], [0.3], [0.1, 0.2], [0.12], []):
        with pytest.raises(BenchmarkError, match="needs smaller and larger positions, and none between"):
            optimum(values, strengths, best)
