"""Failures and collapses that would make a method look better: no search, star, mean or verdict rewards them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report.build import build
from benchmark.report.judge import CONTRADICTED, NOT_MEASURED, REPRODUCED, UNDECIDED
from benchmark.report.numbers import selection
from helpers import hand_made
from helpers.claims import noise, reported, table
from helpers.grids import load
from helpers.hand_made import predicted

NOISY: dict[str, Any] = {"method": ["noisytune"]}
PLAIN: dict[str, Any] = {"method": []}
BETTER, LOWER = ({side: NOISY, "than": PLAIN} for side in ("better", "lower"))
TARGETS = np.repeat([1, 0], [279, 129])  # the floor of the accuracy is 68.38


def strong(config: RunConfig) -> bool:
    return any(settings.get("sigma") == 1e-4 for settings in config.method.values())


def lost(seeds: int, end: str = "diverged") -> Any:
    return lambda config: end if config.method and config.seed <= seeds else "finished"


@pytest.mark.parametrize("gained", [0, 3])
def test_no_run_gains_by_failing_where_all_score_below_the_floor(record_of, gained):
    """As on WNLI: a model that answers the most frequent class is better than all of these."""

    def score(config: RunConfig) -> float:
        return 55 + noise(config) + gained * bool(config.method)

    shown = reported(
        table([BETTER], tasks=("mrpc", "rte"), seeds=25),
        record_of,
        score,
        lost(15),
        arrays=lambda run: {"targets/validation": TARGETS},
    )
    [judged] = shown.verdicts
    assert judged.verdict == UNDECIDED
    assert "up to 15 runs lost against 0" in judged.why
    [row] = shown.gains.to_dict("records")
    assert row["floor_mean"] < row["mean"]
    assert row["share_gained"] <= 0.5
    lowest = shown.frame.groupby("task")[["floor", "score"]].min()
    assert (lowest["floor"] == lowest["score"]).all()


def test_no_arm_collapses_less_by_diverging_or_fails_less_by_collapsing(record_of):
    claims = [LOWER | {"of": "collapsed"}, LOWER | {"of": "failed"}]

    def ends(ours: str, others: str) -> Any:
        return lambda c: (ours if c.method else others) if c.seed <= 15 else "finished"

    def words(ours: str, others: str) -> list[str]:
        planned = table(claims, seeds=25)
        return [v.verdict for v in reported(planned, record_of, lambda c: 70, ends(ours, others)).verdicts]

    assert words("finished", "collapsed") == [REPRODUCED, UNDECIDED]
    assert words("finished", "diverged") == [UNDECIDED, REPRODUCED]
    assert words("diverged", "collapsed") == [UNDECIDED, UNDECIDED]
    assert words("collapsed", "diverged") == [UNDECIDED, UNDECIDED]
    assert words("collapsed", "finished") == [CONTRADICTED, UNDECIDED]
    [collapsed, _] = reported(
        table(claims, seeds=25), record_of, lambda c: 70, ends("diverged", "collapsed")
    ).verdicts
    assert "up to 15 runs lost against 0" in collapsed.why


def test_nor_does_a_rate_over_an_axis(record_of):
    rising = {"runs": PLAIN, "of": "collapsed", "trend": {"over": "data.share", "direction": "rises"}}
    planned = table([rising], shares=("0.1", "0.5", "1.0"), seeds=25)

    def word(few: str) -> str:
        def end(config: RunConfig) -> str:
            ends = {0.1: few if config.seed <= 12 else "finished", 1.0: "collapsed"}
            share = config.data.share or 0.0
            return ends.get(share, "finished") if config.seed <= 14 else "finished"

        return reported(planned, record_of, lambda c: 70, end).verdicts[0].verdict

    assert word("finished") == REPRODUCED
    assert word("diverged") == UNDECIDED  # at a tenth of the data as many runs learnt nothing


def test_spread_does_not_rise_because_the_runs_of_one_end_were_lost(record_of):
    rising = {"runs": PLAIN, "of": "std", "trend": {"over": "data.share", "direction": "rises"}}
    planned = table([rising], shares=("0.1", "0.5", "1.0"), seeds=25)

    def score(config: RunConfig) -> float:
        return 70 + noise(config, 4 * (config.data.share or 0))

    def end(share: float) -> Any:
        return lambda c: "diverged" if c.data.share == share and c.seed <= 8 else "finished"

    assert reported(planned, record_of, score).verdicts[0].verdict == REPRODUCED
    assert reported(planned, record_of, score, end(1.0)).verdicts[0].verdict == REPRODUCED
    assert reported(planned, record_of, score, end(0.1)).verdicts[0].verdict == UNDECIDED


@pytest.mark.parametrize(("collapsing", "wrong"), [("lnsr", REPRODUCED), ("", CONTRADICTED)])
def test_a_gap_is_not_narrow_because_nothing_was_learnt(record_of, collapsing, wrong):
    planned = load("lnsr/table3", "task=rte")

    def made(collapsed: bool) -> Any:
        found = {}
        for run in planned.runs:
            config, ends = run.config, {"collapsed": ["validation"]}
            score, gap = 60 + noise(config), 6 + noise(config, 0.3)
            if gone := collapsed and "+".join(config.method) == collapsing:
                score, gap = 52.7, 0
            sets = {"train": (score + gap) / 100, "validation": score / 100}
            found[run.run_id] = record_of(
                config,
                {name: {"accuracy": value} for name, value in sets.items()},
                **(ends if gone else {}),
            )
        return build(planned, found)

    shown = made(True)
    [judged] = shown.verdicts
    assert (judged.verdict, judged.without_collapses.verdict) == (UNDECIDED, NOT_MEASURED)
    gaps = shown.numbers[(shown.numbers["task"] == "rte_gap") & (shown.numbers["methods"] == collapsing)]
    assert gaps["score_mean"].tolist() == [0, 0]
    assert not gaps["best"].any()
    assert judged.comparisons[0].p < 1e-6
    assert np.sign(judged.comparisons[0].toward) == (1 if wrong == REPRODUCED else -1)
    assert made(False).verdicts[0].verdict == UNDECIDED


def test_a_loss_is_not_low_because_nothing_was_learnt(record_of):
    """One that answers evenly has .69, and one that is sure and wrong in a tenth of the answers more."""
    claims = [
        LOWER | {"of": "loss"},
        {"runs": NOISY, "than": PLAIN, "of": "loss", "not_worse": {"margin": 0.05}},
    ]
    planned, logits = table(claims, seeds=10), {}
    for run in planned.runs:
        right = np.random.default_rng(run.config.seed).random(len(TARGETS)) < 0.85
        sure = np.eye(2, dtype=np.float32)[np.where(right, TARGETS, 1 - TARGETS)]
        logits[run.run_id] = (0 if run.config.method else 6) * sure[None]
    stored = {run: {"logits/validation": made, "targets/validation": TARGETS} for run, made in logits.items()}
    words = {
        end: [
            v.verdict
            for v in reported(planned, record_of, lambda c: 70, lost(10, end), arrays=stored.get).verdicts
        ]
        for end in ("finished", "collapsed")
    }
    assert words == {"finished": [REPRODUCED] * 2, "collapsed": [UNDECIDED] * 2}


def test_the_leak_free_choice_is_not_won_by_diverging(record_of):
    """At sigma 1e-4 three of five seeds diverge and two are better than plain fine-tuning; at 1e-5 all are worse."""
    table1 = ("hype/table1", "model=bert_large_uncased", "task=rte", "seed=1,2,3,4,5", "method=[],[hype_n]")
    planned = load(*table1)

    def right(config: RunConfig) -> np.ndarray:
        share = 0.72 if not config.method else 0.76 if strong(config) else 0.7
        order = np.random.default_rng(1).permutation(200)
        return order < 200 * share + config.seed % (2 if config.method else 3)

    records, arrays = predicted(planned, record_of, right)
    for run in planned.runs:
        if strong(run.config) and run.config.seed > 2:
            records[run.run_id] = record_of(run.config, {}, status="diverged", curve=[])
    shown = build(planned, records, lambda run: arrays(run) if records[run].status == "finished" else {})
    row = shown.numbers[shown.numbers["methods"] == "hype_n"].iloc[0]
    assert row["fair_n"] == 5
    assert row["fair_mean"] == pytest.approx(70.3, abs=0.5)
    assert shown.verdicts[0].leak_free == CONTRADICTED


def test_a_seed_that_the_leak_free_choice_lost_is_lost(record_of):
    """Sigma 1e-4 is better even with one seed at the floor: this seed has no leak-free score, and is counted."""
    planned = load(
        "hype/table1", "model=bert_large_uncased", "task=rte", "seed=1,2,3,4,5", "method=[],[hype_n]"
    )

    def right(config: RunConfig) -> np.ndarray:
        return np.arange(200) % 10 < (9 if strong(config) else 6)

    records, arrays = predicted(planned, record_of, right)
    for run in planned.runs:
        if strong(run.config) and run.config.seed == 5:
            records[run.run_id] = record_of(run.config, {}, status="diverged", curve=[])
    shown = build(planned, records, lambda run: arrays(run) if records[run].status == "finished" else {})
    row = shown.numbers[shown.numbers["methods"] == "hype_n"].iloc[0]
    assert (row["fair_n"], row["fair_mean"]) == (4, pytest.approx(90))
    leak_free = next(section for section in shown.sections if section.title.startswith("Leak-free"))
    assert leak_free.rows[1][2] == "90.00 ± 0.00 (4 of 5); +30.00 at sigma=0.0001"


def test_a_search_must_not_make_an_arm_not_worse_or_as_good_as_printed(record_of):
    """HyPe has the best of two settings, plain fine-tuning one: without predictions there is no leak-free score."""
    hype, bert = {"method": ["hype_n"]}, {"model": "bert_large_uncased"}
    planned = load("hype/table1", "model=bert_large_uncased", "task=rte", "method=[],[hype_n]")
    claims = [
        hand_made.claim(better={}, runs=hype | bert, than=PLAIN | bert, at_least=None) | {kind: stated}
        for kind, stated in (
            ("not_worse", {"margin": 1.0, "ratio": None, "over": None}),
            ("equivalent", {"margin": 1.0, "ratio": None, "over": None}),
            ("size", {"printed": 0.0, "margin": 1.0, "ratio": None}),
        )
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(planned.table, "claims", claims)
        made = build(planned, hand_made.scored(planned, record_of, lambda c: 70 + noise(c, 0.05))).verdicts
    for judged in made:
        assert judged.verdict == UNDECIDED
        assert judged.why.startswith("reproduced by the paper's rule: 1 of 1 comparison as claimed")
        assert judged.why.endswith("settings tried: 2 against 1; no leak-free score")


@pytest.mark.parametrize("losing", [True, False])
def test_losing_runs_makes_no_loss_not_worse_or_alike(record_of, losing):
    """Of a loss there is no floor: the few seeds that are left must not speak for those that are lost."""
    stated = {"of": "loss", "runs": NOISY, "than": PLAIN}
    claims = [stated | {kind: {"margin": 0.05}} for kind in ("not_worse", "equivalent")]
    planned = table(claims, seeds=20)
    right = np.random.default_rng(1).random(len(TARGETS)) < 0.85
    logits = 3 * np.eye(2, dtype=np.float32)[np.where(right, TARGETS, 1 - TARGETS)][None]
    arrays = {"logits/validation": logits, "targets/validation": TARGETS}

    def words(end: Any) -> list[str]:
        return [
            v.verdict
            for v in reported(planned, record_of, lambda c: 85, end, arrays=lambda _: arrays).verdicts
        ]

    assert words(lost(0)) == [REPRODUCED] * 2
    one_sided = words(lambda c: "diverged" if bool(c.method) == losing and c.seed <= 10 else "finished")
    assert one_sided == ([UNDECIDED] * 2 if losing else [REPRODUCED, UNDECIDED])


def test_a_search_for_the_smallest_gap_is_not_won_by_learning_nothing():
    rows = [
        {
            "choice": choice,
            "seed": seed,
            "score": score,
            "status": status,
            "collapsed": score == 0,
            "run_id": "",
        }
        for choice, scores in (("fair", (4.0, 5.0)), ("collapsing", (0.0, 5.0)), ("diverging", (None, 3.0)))
        for seed, score in enumerate(scores)
        for status in ["diverged" if score is None else "finished"]
    ]
    cell = {"model": "m", "variant": "", "methods": "ours", "task": "gap", "lower": True, "floor": np.nan}
    kept = selection.chosen(pd.DataFrame(rows).assign(**cell))
    assert (set(kept["choice"]), set(kept["tried"])) == ({"fair"}, {3})
