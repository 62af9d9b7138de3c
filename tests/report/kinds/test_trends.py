"""Trends and optima that a table declares, from hand-made scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report.judge import CONTRADICTED, REPRODUCED, UNDECIDED
from helpers.claims import noise, reported, table

PLAIN: dict[str, Any] = {"method": []}
NOISY: dict[str, Any] = {"method": ["noisytune"]}
BOTH: dict[str, Any] = {"method": [[], ["noisytune"]]}
STRENGTH = "method.noisytune.intensity"
SHARES = ("0.1", "0.2", "0.5", "null")
SIZES = {"rte": 2490, "mrpc": 3668, "sst2": 67349}


def lines(axis: str, x_without: float) -> dict[str, Any]:
    return {"kind": "lines", "rows": ["model"], "x": axis, "x_without": x_without}


def falls(**more: Any) -> dict[str, Any]:
    return {"over": "data.share", "scale": "log", "direction": "falls"} | more


def over_shares(*claims: dict[str, Any], seeds: int = 6) -> Any:
    return table(claims, shares=SHARES, seeds=seeds, layout=lines("data.share", 1.0))


def test_a_gain_that_falls_over_the_whole_axis_is_one_comparison(judged):
    """The gain falls by .6 per doubling; no pair of neighbours would show it."""

    def score(config: RunConfig) -> float:
        share = config.data.share or 1.0
        return 80 + 3 * np.log2(share) - bool(config.method) * 0.6 * np.log2(share) + noise(config, 0.3)

    found = judged(
        over_shares(
            {"runs": NOISY, "gain_over": PLAIN, "trend": falls()},
            {"runs": NOISY, "gain_over": PLAIN, "trend": falls(direction="rises")},
            {"runs": BOTH, "trend": falls(direction="rises")},
            {
                "runs": NOISY,
                "gain_over": PLAIN,
                "trend": falls(values=[0.1, None], at=[1, 2], scale="linear"),
            },
        ),
        score,
    )
    assert [v.verdict for v in found[:3]] == [REPRODUCED, CONTRADICTED, REPRODUCED]
    [slope] = found[0].comparisons
    assert (slope.ours, slope.others, slope.n) == ("minilm noisytune", "over data.share", 6)
    assert slope.effect == pytest.approx(-0.6, abs=0.3)
    assert slope.low < slope.effect < slope.high < 0
    assert slope.unit == "points per doubling of data.share"
    assert "1 of 1 comparison as claimed; -0" in found[0].why
    assert {c.ours for c in found[2].comparisons} == {"minilm noisytune", "minilm plain fine-tuning"}
    assert found[3].comparisons[0].effect == pytest.approx(-0.6 * np.log2(10), abs=1.0)


def test_no_trend_is_rarely_found_and_one_run_at_the_floor_does_not_make_one(judged):
    planned = over_shares({"runs": NOISY, "gain_over": PLAIN, "trend": falls()}, seeds=8)
    words = [judged(planned, lambda c, s=s: 70 + noise(c, 1, s))[0].verdict for s in range(3)]
    assert words.count(UNDECIDED) >= 2

    def falling(config: RunConfig) -> float:
        return 70 - bool(config.method) * np.log2(config.data.share or 1.0) + noise(config, 0.2)

    def ends(config: RunConfig) -> str:
        lost = config.method and config.data.share == 0.1 and config.seed <= 3
        return "diverged" if lost else "finished"

    [whole] = judged(planned, falling)
    [lost] = judged(planned, falling, end=ends)
    assert whole.verdict == REPRODUCED
    assert (lost.verdict, lost.comparisons[0].lost) == (UNDECIDED, (3, 0))


def test_lost_runs_contradict_a_trend_only_if_all_planned_seeds_do(judged):
    planned = over_shares({"runs": NOISY, "trend": falls()}, seeds=14)

    def rising(config: RunConfig) -> float:
        return 90 + np.log2(config.data.share or 1.0) + noise(config, 0.1)

    def ends(lost: int) -> Any:
        return lambda c: "diverged" if c.method and not c.data.share and c.seed <= lost else "finished"

    assert judged(planned, rising)[0].verdict == CONTRADICTED
    assert judged(planned, rising, end=ends(1))[0].verdict == CONTRADICTED
    # The score rises in the runs that finished; the floor of the others makes it fall.
    assert judged(planned, rising, end=ends(6))[0].verdict == UNDECIDED


def test_a_trend_over_the_sizes_of_training_sets_takes_them_from_the_records(judged):
    by_name = falls(over="task", values=["mrpc", "rte"], at=[11, 10], scale="linear")
    planned = table(
        [
            {"runs": NOISY, "gain_over": PLAIN, "trend": falls(over="data.size")},
            {"runs": NOISY, "gain_over": PLAIN, "trend": falls(over="data.size"), "where": ["rte", "mrpc"]},
            {"runs": NOISY, "gain_over": PLAIN, "trend": by_name},
        ],
        tasks=tuple(SIZES),
    )

    def score(config: RunConfig) -> float:
        return 70 - bool(config.method) * 0.5 * np.log2(SIZES[config.task.name]) + noise(config, 0.3)

    def examples(config: RunConfig) -> dict[str, Any]:
        return {"examples": {"train": SIZES[config.task.name], "validation": 400}}

    every, two, named = judged(planned, score, changes=examples)
    assert every.verdict == REPRODUCED
    assert every.comparisons[0].effect == pytest.approx(-0.5, abs=0.15)
    assert (every.comparisons[0].column, two.comparisons[0].column) == ("rte+mrpc+sst2", "rte+mrpc")
    assert named.comparisons[0].effect == pytest.approx(two.comparisons[0].effect * np.log2(3668 / 2490))

    # One run missing per task, each in another seed: no seed is whole, and every task has four pairs.
    gone = dict(zip(SIZES, (1, 2, 3), strict=True))
    [missing, *_] = judged(
        planned,
        score,
        changes=examples,
        end=lambda c: "missing" if c.method and gone[c.task.name] == c.seed else "finished",
    )
    [slope] = missing.comparisons
    assert (slope.n, slope.pairs) == (4, (12, 15))
    assert slope.p < 0.05
    assert "12 of 15 pairs of runs" in missing.why
    assert missing.verdict == UNDECIDED  # three runs were not made


def test_an_optimum_is_above_smaller_and_above_larger_values(judged):
    claim = {"runs": BOTH, "optimum": {"over": STRENGTH, "values": [0.1, 0.15]}}
    planned = table(
        [claim, claim | {"optimum": {"over": STRENGTH, "values": [0.1, 0.15], "best": "lowest"}}],
        intensities=("0.1", "0.15", "0.2", "0.3"),
        layout=lines(STRENGTH, 0.0),
    )

    def strength(config: RunConfig) -> float:
        return float(config.method.get("noisytune", {}).get("intensity", 0))

    highest, lowest = judged(planned, lambda c: 70 - 40 * abs(strength(c) - 0.125) + noise(c, 0.3))
    assert (highest.verdict, lowest.verdict) == (REPRODUCED, CONTRADICTED)
    assert [c.others.split()[0] for c in highest.comparisons] == ["smaller", "larger"]
    rising, _ = judged(planned, lambda c: 70 + 40 * strength(c) + noise(c, 0.3))
    assert rising.verdict == CONTRADICTED  # larger values are better still


def test_spreads_and_rates_have_trends(judged):
    planned = over_shares(
        {"runs": PLAIN, "of": "std", "trend": falls()},
        {"runs": PLAIN, "of": "collapsed", "trend": falls()},
        {"runs": NOISY, "of": "std", "trend": falls()},
        seeds=20,
    )

    def score(config: RunConfig) -> float:
        return 50 + noise(config, 0.5 if config.method else 1 / (config.data.share or 1.0))

    def ends(config: RunConfig) -> str:
        return "collapsed" if config.data.share == 0.1 and config.seed <= 9 else "finished"

    spread, _, equal = judged(planned, score)
    assert (spread.verdict, equal.verdict) == (REPRODUCED, UNDECIDED)
    assert spread.comparisons[0].unit == "points of deviation per doubling of data.share"
    assert judged(planned, score, end=ends)[1].verdict == REPRODUCED


def test_a_quantity_by_layer_has_a_trend_in_every_run_and_parts_of_the_depth(judged):
    probed = {"of": "probe/token_similarity", "runs": NOISY}
    claims = [
        probed | {"trend": {"over": "layer", "direction": "rises"}},
        probed | {"gain_over": PLAIN, "trend": {"over": "layer", "direction": "falls"}},
        probed | {"gain_over": PLAIN, "equivalent": {"margin": 0.05}, "depth": [0, 0.34]},
        {"of": "probe/token_similarity", "lower": NOISY, "than": PLAIN, "depth": [1, 1]},
    ]
    planned = table(claims)

    def arrays(run: str) -> dict[str, np.ndarray]:
        [config] = [r.config for r in planned.runs if r.run_id == run]
        layers = np.arange(7) / 6
        by_layer = 0.3 + layers * (0.3 if config.method else 0.6) + noise(config, 0.01) + 0 * layers
        return {"probe/token_similarity/similarity": by_layer + noise(config, 0.01, 1) * layers}

    found = judged(planned, lambda c: 70 + noise(c), arrays=arrays)
    assert [v.verdict for v in found] == [REPRODUCED, REPRODUCED, UNDECIDED, REPRODUCED]
    assert found[0].comparisons[0].effect == pytest.approx(0.05, abs=0.01)  # per layer of six
    assert found[0].comparisons[0].unit == "cosine per layer"
    assert found[2].comparisons[0].effect == pytest.approx(-0.05, abs=0.02)  # layers 0 to 2: on the margin
    assert found[3].comparisons[0].effect == pytest.approx(-0.3, abs=0.03)


def test_a_claim_without_runs_is_not_measured(record_of):
    planned = over_shares({"runs": NOISY, "gain_over": PLAIN, "trend": falls()})
    shown = reported(planned, record_of, lambda c: 70, end=lambda c: "missing")
    assert shown.verdicts[0].why.startswith("no seed has all the values that it needs; ")
