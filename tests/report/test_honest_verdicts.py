"""Verdicts where runs collapse, diverge or are alike: nothing is praised, or blamed, that the runs do not show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report import ledger
from benchmark.report.judge import CONTRADICTED, NOT_MEASURED, REPRODUCED, UNDECIDED, Verdict
from helpers.claims import noise, reported, table

NOISY: dict[str, Any] = {"method": ["noisytune"]}
PLAIN: dict[str, Any] = {"method": []}
BETTER = {"better": NOISY, "than": PLAIN}
WITHIN = [{"runs": NOISY, "than": PLAIN, kind: {"margin": 0.5}} for kind in ("equivalent", "not_worse")]
FLOOR = 68.38  # of MRPC's accuracy


@pytest.fixture
def judged(record_of) -> Any:
    def verdicts(claims: Any, score: Any, seeds: int = 25, **more: Any) -> list[Verdict]:
        return reported(table(claims, seeds=seeds), record_of, score, **more).verdicts

    return verdicts


def drawn(config: RunConfig) -> float:
    """The same for the method and plain fine-tuning, so that a seed's difference is small."""
    return 70 + float(np.random.default_rng(config.seed).normal())


def test_two_arms_that_have_learnt_nothing_are_not_alike(judged):
    for verdict in judged(WITHIN, lambda c: FLOOR, end=lambda c: "collapsed"):
        assert verdict.verdict == UNDECIDED
        assert "among runs that did not collapse not measured" in verdict.why
    assert [v.verdict for v in judged(WITHIN, drawn)] == [REPRODUCED] * 2
    few = judged(WITHIN, drawn, end=lambda c: "collapsed" if c.seed == 1 else "finished")
    assert [v.verdict for v in few] == [REPRODUCED] * 2  # the others are alike as well


def test_a_gain_is_not_called_a_loss_because_plain_fine_tuning_diverged_where_it_would_have_lost(judged):
    def score(config: RunConfig) -> float:
        return drawn(config) + noise(config, 0.5)

    def difference(seed: int) -> float:
        ours, others = (table([BETTER], seeds=25).runs[at + seed - 1].config for at in (25, 0))
        assert (ours.seed, others.seed, bool(ours.method), bool(others.method)) == (seed, seed, True, False)
        return noise(ours, 0.5) - noise(others, 0.5)

    largest = sorted(range(1, 26), key=difference)[-12:]
    claims = [BETTER, BETTER | {"of": "median"}]
    selected = judged(
        claims, score, end=lambda c: "diverged" if not c.method and c.seed in largest else "finished"
    )
    comparison = selected[0].comparisons[0]
    assert comparison.toward < 0
    assert comparison.p < 0.05  # by the pairs that finished, the method is worse
    assert [verdict.verdict for verdict in selected] == [UNDECIDED] * 2
    truly = judged([BETTER], lambda c: score(c) - 3 * bool(c.method), end=lambda c: "finished")
    assert truly[0].verdict == CONTRADICTED
    worse = judged(
        [BETTER],
        lambda c: score(c) - 3 * bool(c.method),
        end=lambda c: "diverged" if c.method and c.seed < 4 else "finished",
    )
    assert worse[0].verdict == CONTRADICTED  # its own lost runs do not save a method


def test_runs_that_were_made_and_give_no_number_are_named(judged, record_of):
    [found] = judged([BETTER], drawn, end=lambda c: "diverged" if c.method else "finished")
    assert found.verdict == NOT_MEASURED
    assert found.why == "no seed has all the values that it needs; up to 25 runs lost against 0"
    trend = {"runs": NOISY, "trend": {"over": "data.share", "direction": "rises"}}
    planned = table([trend], shares=("0.1", "0.5", "1.0"), seeds=4)
    [part] = reported(
        planned, record_of, drawn, end=lambda c: "missing" if c.data.share == 0.5 else "finished"
    ).verdicts
    assert part.why == "no seed has all the values that it needs; 4 runs not run yet"


@pytest.mark.parametrize("of", ["max", "median", "std", "score"])
def test_one_seed_shows_no_number_that_is_none(judged, of):
    [found] = judged([BETTER | {"of": of}], drawn, seeds=1)
    assert found.verdict == UNDECIDED
    assert "nan" not in found.why


@pytest.mark.parametrize("of", ["max", "median"])
def test_seeds_that_could_decide_and_do_not_are_not_told_to_be_enough(record_of, of):
    """Swaps tell the fewest seeds that can decide at all, and 25 are more."""
    planned = table([BETTER | {"of": of}], seeds=25)
    [found] = reported(planned, record_of, drawn).verdicts
    assert "how many would is not known" in found.why
    [row] = ledger.entries(planned, [found], [run.run_id for run in planned.runs], lambda config: 0)
    assert np.isnan(row.seeds)
    few_seeds = table([BETTER | {"of": of}], seeds=5)
    [few] = reported(few_seeds, record_of, lambda c: drawn(c) + 9 * bool(c.method)).verdicts
    assert "about 6 seeds would decide" in few.why
