"""Claims of printed p-values: against what p-values do over repetitions, and hand-made runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmark.errors import BenchmarkError
from benchmark.report.judge import CONTRADICTED, NOT_MEASURED, REPRODUCED, UNDECIDED
from benchmark.report.kinds.p_values import as_large, effect_of, p_of
from benchmark.report.numbers.statistics import estimate
from helpers.claims import noise, table

SIDES: dict[str, Any] = {"runs": {"method": ["noisytune"]}, "than": {"method": []}}


def claim(p: float, seeds: int = 25, column: str = "mrpc") -> dict[str, Any]:
    return SIDES | {"p_value": {"printed": {column: p}, "seeds": seeds}}


def test_an_effect_and_its_p_value_are_each_others():
    differences = np.array([0.3, 1.2, 0.4, -0.1, 0.9])
    p = float(stats.ttest_1samp(differences, 0).pvalue)
    assert p_of(estimate(differences).effect_size, 5) == pytest.approx(p)
    assert effect_of(p, 5) == pytest.approx(estimate(differences).effect_size)


def test_an_exact_repetition_is_rarely_called_either():
    rng, wanted = np.random.default_rng(1), effect_of(1e-4, 25)
    ends = np.array([as_large(estimate(wanted + rng.normal(size=10)), wanted) for _ in range(1000)])
    assert (ends <= 0.025).mean(0) == pytest.approx([0.025, 0.025], abs=0.015)


@pytest.mark.parametrize(
    ("gain", "verdict"), [(2.0, REPRODUCED), (0.9, UNDECIDED), (0.1, CONTRADICTED), (-2.0, CONTRADICTED)]
)
def test_a_gain_is_as_sure_as_printed_surely_less_sure_or_undecided(judged, gain, verdict):
    """Differences of a deviation of about 0.7: the printed p-value is of an effect of 0.9 deviations."""
    planned = table([claim(1e-4)], seeds=25)
    [found] = judged(planned, lambda c: 70 + gain * bool(c.method) + noise(c, 0.5))
    assert found.verdict == verdict
    [made] = found.comparisons
    assert made.unit == "p at 25 seeds"
    assert made.effect == pytest.approx(
        2 * stats.t.sf(abs(made.toward + effect_of(1e-4, 25)) * 5, 24), rel=1e-6
    )
    assert "by these 25 seeds, and 0.0001 is printed" in found.why


def test_more_seeds_than_the_papers_make_no_weak_effect_a_strong_one(judged):
    """Forty seeds show a gain of half a deviation at p < 1e-3, and five printed seeds are another claim."""
    planned = table([claim(1e-3, seeds=5)], seeds=40)
    [found] = judged(planned, lambda c: 70 + 0.5 * bool(c.method) + noise(c, 0.7))
    assert found.comparisons[0].effect > 0.1
    assert found.verdict == CONTRADICTED


def test_runs_that_diverged_are_no_evidence(judged):
    planned = table([claim(1e-4)], seeds=25)

    def end(config: Any) -> str:
        return "diverged" if config.method and config.seed > 15 else "finished"

    assert (
        judged(planned, lambda c: 70 + 3 * bool(c.method) + noise(c, 0.5), end=end)[0].verdict != REPRODUCED
    )
    missing = judged(planned, lambda c: 70, end=lambda c: "missing" if c.method else "finished")
    assert missing[0].verdict == NOT_MEASURED


@pytest.mark.parametrize("scores", [lambda c: 70.0, lambda c: 70 + 1.0 * bool(c.method)])
def test_differences_that_are_all_the_same_are_counted_by_their_signs(judged, scores):
    [found] = judged(table([claim(1e-4)], seeds=12), scores)
    assert found.verdict == (REPRODUCED if found.comparisons[0].p < 1 else UNDECIDED)


@pytest.mark.parametrize(
    ("stated", "line"),
    [
        (claim(1e-4, column="mprc"), "did you mean 'mrpc'?"),
        (claim(1e-4, seeds=1), "2 seeds or more"),
        (claim(1.5), "between 0 and 1"),
        (claim(1e-4) | {"of": "loss"}, "p_value is about the score"),
        ({"runs": {"method": []}, "p_value": claim(1e-4)["p_value"]}, "needs `than`"),
    ],
)
def test_what_cannot_be_judged_is_refused(stated, line):
    with pytest.raises(BenchmarkError, match=line):
        table([stated])
