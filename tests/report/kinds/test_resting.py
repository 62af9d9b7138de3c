"""Slopes and optima that one position of the axis decides: the verdict's line names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmark.config.schema import RunConfig
from benchmark.report.claims_sheet import numbers
from benchmark.report.judge import CONTRADICTED, REPRODUCED
from helpers.claims import noise, table

PLAIN: dict[str, Any] = {"method": []}
STRENGTH = "method.noisytune.intensity"
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
FALLS = {"runs": {"method": ["noisytune"]}, "trend": {"over": STRENGTH, "scale": "log", "direction": "falls"}}


def at(harm: Mapping[float, float], spread: float = 0.1) -> Any:
    """Scores that lie below 70 by the harm at a strength."""

    def score(config: RunConfig) -> float:
        strength = config.method.get("noisytune", {}).get("intensity")
        drawn = noise(config, spread, round(100 * (strength or 0)))
        return 70 + drawn - (harm.get(strength, 0.0) if strength else 0.0)

    return score


def over_strengths(*claims: dict[str, Any], seeds: int = 8) -> Any:
    return table(claims, intensities=tuple(map(str, STRENGTHS)), seeds=seeds)


def test_a_slope_of_the_last_position_alone_is_said_to_be_that(judged):
    [found] = judged(over_strengths(FALLS), at({100.0: 8.0}))
    [comparison] = found.comparisons
    assert found.verdict == REPRODUCED
    assert comparison.rests_on.startswith(f"rests on {STRENGTH}=100, without it ")
    assert f"; {comparison.rests_on}" in found.why
    assert numbers([found]).iloc[0]["note"] == comparison.rests_on
    score, rows = at({100.0: 8.0}), over_strengths(FALLS).runs
    known = {
        (run.config.seed, run.config.method["noisytune"]["intensity"]): score(run.config)
        for run in rows
        if run.config.method
    }
    scores = np.array([[known[seed, x] for x in STRENGTHS[:4]] for seed in range(1, 9)])
    positions = np.log2(STRENGTHS[:4]) - np.log2(STRENGTHS[:4]).mean()
    slope = (scores @ positions / (positions @ positions)).mean()
    assert f"without it {slope:+.4f} [" in comparison.rests_on


def test_a_slope_of_all_positions_rests_on_none(judged):
    steady = dict(zip(STRENGTHS, range(5), strict=True))
    assert [c.rests_on for v in judged(over_strengths(FALLS), at(steady)) for c in v.comparisons] == [""]
    [against] = judged(over_strengths(FALLS), at({x: -harm for x, harm in steady.items()}))
    assert against.verdict == CONTRADICTED
    assert "rests on" not in against.why


def test_a_slope_that_is_not_decided_rests_on_none(judged):
    [found] = judged(over_strengths(FALLS), at({100.0: 0.5}, spread=3.0))
    assert "rests on" not in found.why


def test_a_contrary_slope_can_rest_on_a_position_too(judged):
    [found] = judged(over_strengths(FALLS), at({0.01: 8.0, 0.1: 0.0, 1.0: 0.5, 10.0: 1.0, 100.0: 1.5}))
    assert found.verdict == CONTRADICTED
    assert f"rests on {STRENGTH}=0.01, without it -0." in found.why


def test_of_several_positions_the_one_that_decides_most_is_named(judged):
    few = over_strengths(FALLS, seeds=5)
    [found] = judged(few, at({0.01: -2.0, 100.0: 2.0}, spread=1.0))
    assert f"rests on {STRENGTH}=" in found.why
    assert "(and on " in found.why


def test_an_optimum_over_one_bad_position_is_said_to_be_that(judged):
    best = {"over": STRENGTH, "values": [1.0]}
    [found] = judged(
        over_strengths({"runs": FALLS["runs"], "optimum": best}),
        at({0.1: 2.0, 0.01: 2.0, 10.0: 0.0, 100.0: 8.0}),
    )
    smaller, larger = found.comparisons
    assert found.verdict == REPRODUCED
    assert smaller.rests_on == ""
    assert larger.rests_on.startswith(f"rests on {STRENGTH}=100, without it ")


def test_a_rate_that_one_position_decides_has_its_p(judged):
    rises = {"over": STRENGTH, "scale": "log", "direction": "rises"}
    planned = over_strengths({"runs": FALLS["runs"], "of": "collapsed", "trend": rises}, seeds=10)
    strong = lambda c: c.method.get("noisytune", {}).get("intensity") == 100.0  # noqa: E731
    [found] = judged(planned, at({}), end=lambda c: "collapsed" if strong(c) else "finished")
    assert f"rests on {STRENGTH}=100, without it +0 (p = 1)" in found.why


def test_positions_of_columns_are_named_as_stated(judged):
    stated = {
        "over": "task",
        "scale": "linear",
        "direction": "falls",
        "values": ["rte", "mrpc", "cola"],
        "at": [1, 2, 3],
    }
    planned = table(
        [{"runs": PLAIN, "trend": stated}], methods=("[]",), tasks=("rte", "mrpc", "cola"), seeds=8
    )
    [found] = judged(planned, lambda c: 70 + noise(c, 0.1) - 5 * (c.task.name == "cola"))
    assert "rests on task=cola, without it " in found.why
