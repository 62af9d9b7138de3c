"""Effects in words: as many digits as their intervals deserve."""

from __future__ import annotations

import pytest

from benchmark.report.kinds.shown import in_unit

NAN = float("nan")


@pytest.mark.parametrize(
    ("effect", "unit", "text"),
    [
        ((0.00245, -1.86012, 1.86502), "points", "+0.00 [-1.86, +1.87] points"),
        ((-0.00245, -1.86012, 1.86502), "points", "-0.00 [-1.86, +1.87] points"),
        ((0.6, -0.004, 1.204), "points", "+0.60 [-0.00, +1.20] points"),  # open: the interval has 0 in it
        ((-0.6, -1.204, 0.004), "points", "-0.60 [-1.20, +0.00] points"),
        ((-0.0, -1.0, 1.0), "points", "+0.00 [-1.00, +1.00] points"),
        ((-0.0, -0.0, -0.0), "points", "+0 [+0, +0] points"),
        ((-0.779, -1.23, -0.33), "points", "-0.78 [-1.23, -0.33] points"),
        ((-0.00496, -0.0223, 0.0123), "points", "-0.0050 [-0.0223, +0.0123] points"),
        ((-13.2, -15.14, -11.26), "points", "-13.2 [-15.1, -11.3] points"),
        ((-5000, -5000, -5000), "MB", "-5000 [-5000, -5000] MB"),
        ((0.5, NAN, NAN), "points", "+0.500 points"),
        ((0.0, 0.0, 0.0), "points", "+0 [+0, +0] points"),
        ((1.02, 0.975, 1.07), "ratio", "1.02 [0.97, 1.07] ratio"),
        ((0.25, 0.1, 0.4), "share of runs", "+25% [+10%, +40%] share of runs"),
        ((-0.0, -0.004, 0.4), "share of runs", "+0% [-0%, +40%] share of runs"),
        ((0.0312, NAN, NAN), "p at 5 seeds", "0.0312 p at 5 seeds"),
    ],
)
def test_no_digit_of_an_effect_is_finer_than_its_interval(effect, unit, text):
    assert in_unit(*effect, unit) == text
