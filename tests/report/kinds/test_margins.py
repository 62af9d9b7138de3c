"""Claims within a margin, from hand-made scores."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.config.schema import RunConfig
from benchmark.report.claims_sheet import numbers
from benchmark.report.judge import CONTRADICTED, REPRODUCED, UNDECIDED
from helpers.claims import noise, table

PLAIN: dict[str, Any] = {"method": []}
NOISY: dict[str, Any] = {"method": ["noisytune"]}
SIDES = {"runs": NOISY, "than": PLAIN}


def gain(size: float, spread: float = 0.1) -> Any:
    return lambda config: 70 + config.seed + size * bool(config.method) + noise(config, spread)


def test_what_lies_within_a_margin_is_equal_and_what_lies_outside_is_not(judged):
    planned = table(
        [
            SIDES | {"equivalent": {"margin": 0.5}},
            {"runs": NOISY, "gain_over": PLAIN, "equivalent": {"margin": 0.5}},
            SIDES | {"not_worse": {"margin": 0.5}},
            SIDES | {"size": {"printed": 1.0, "margin": 0.5}},
            SIDES | {"equivalent": {"ratio": 1.01}},
        ],
        seeds=8,
    )
    words = {size: [v.verdict for v in judged(planned, gain(size))] for size in (0, 1, -1)}
    same, above, below = REPRODUCED, CONTRADICTED, CONTRADICTED
    assert words[0] == [same, same, REPRODUCED, CONTRADICTED, REPRODUCED]
    assert words[1] == [above, above, REPRODUCED, REPRODUCED, CONTRADICTED]
    assert words[-1] == [below, below, CONTRADICTED, CONTRADICTED, CONTRADICTED]
    noisy = judged(planned, gain(0, 2.0))
    assert {v.verdict for v in noisy[:4]} == {UNDECIDED}  # a difference that is not found is not equality
    assert "the margin is 0.5 around 1" in noisy[3].why
    assert "seeds would decide" in noisy[0].why


def test_an_equivalence_is_reproduced_at_5_and_a_not_worse_at_2_5_percent(judged):
    """Two one-sided tests at 5 % are the 90 % interval; one at 2.5 % is an end of the 95 % interval."""
    planned = table([SIDES | {"equivalent": {"margin": 0.5}}, SIDES | {"not_worse": {"margin": 0.5}}])
    [equal, not_worse] = judged(planned, gain(0, 0.2))
    for verdict, p in ((equal, 0.05), (not_worse, 0.025)):
        [c] = verdict.comparisons
        assert verdict.verdict == (REPRODUCED if c.one_sided <= 0.025 else UNDECIDED)
        assert c.claimed_p == c.one_sided
        assert 0 < c.one_sided / 0.025 * p < 1
    row = numbers([equal]).iloc[0]
    assert (row["kind"], row["unit"], row["test"], row["note"]) == (
        "equivalent",
        "points",
        "t",
        "the margin is 0.5",
    )
    assert (row["p_claimed"], row["p_alone"]) == (equal.comparisons[0].claimed_p, 1.0)


def test_all_pairs_of_an_axis_are_equal_or_the_largest_difference_is_shown(judged):
    claim = {"runs": PLAIN, "equivalent": {"over": "data.share", "margin": 0.5}}
    layout = {"kind": "lines", "x": "data.share", "x_without": 1.0}
    planned = table([claim], methods=("[]",), shares=("0.1", "0.5", "null"), seeds=8, layout=layout)
    [alike] = judged(planned, lambda c: 70 + c.seed + noise(c, 0.1))
    assert (alike.verdict, len(alike.comparisons)) == (REPRODUCED, 1)
    [apart] = judged(planned, lambda c: 70 + 2 * (c.data.share == 0.1) + noise(c, 0.1))
    assert apart.verdict == CONTRADICTED
    assert "data.share=0.1" in apart.comparisons[0].ours
    assert "largest of 3 differences" in apart.why


def test_lost_runs_are_not_equal(judged):
    planned = table(
        [SIDES | {"equivalent": {"margin": 0.5}}, SIDES | {"not_worse": {"margin": 0.5}}], seeds=10
    )

    def ends(config: RunConfig) -> str:
        return "diverged" if config.method and config.seed <= 4 else "finished"

    assert [v.verdict for v in judged(planned, gain(0))] == [REPRODUCED] * 2
    assert [v.verdict for v in judged(planned, gain(0), end=ends)] == [UNDECIDED] * 2


def costs(device: str, **other: str) -> Any:
    def changes(config: RunConfig) -> dict[str, Any]:
        stamp = {
            "code": {"commit": "0123456789abcdef", "dirty": False},
            "python": "3.11.0",
            "packages": {"torch": "2.0.0", "transformers": "5.0.0"},
            "device": other.get("noisy", device) if config.method else device,
            "device_type": device.split()[0],
            "threads": None,
            "precision": "float32",
        }
        seconds = dict.fromkeys(("train", "evaluate", "survey", "probes", "total"), 1.0)
        return {
            "environment": stamp,
            "seconds": seconds | {"per_update": (0.5 if config.method else 0.48) + 0.002 * noise(config)},
            "memory": {"peak": int(11e9 if config.method else 16e9) + config.seed, "reserved": None},
        }

    return changes


def test_costs_are_ratios_within_a_margin_and_memory_on_a_gpu_is_a_number(judged):
    claims = [
        {"lower": NOISY, "than": PLAIN, "of": "memory"},
        SIDES | {"of": "memory", "size": {"printed": 0.69, "ratio": 1.05}},
        {"lower": PLAIN, "than": NOISY, "of": "memory"},
        SIDES | {"of": "time", "not_worse": {"ratio": 1.1}},
        SIDES | {"of": "time", "equivalent": {"ratio": 1.01}},
        {"lower": PLAIN, "than": NOISY, "of": "time"},
    ]
    one_seed = table(claims, seeds=1)
    found = judged(one_seed, gain(0), changes=costs("cuda A"))
    assert [v.verdict for v in found[:3]] == [REPRODUCED, REPRODUCED, CONTRADICTED]
    assert found[0].comparisons[0].test == "none: compared as numbers"
    assert found[0].why.endswith("-5000 [-5000, -5000] MB")
    assert judged(one_seed, gain(0), changes=costs("cpu A"))[0].verdict == UNDECIDED  # the process's memory

    found = judged(table(claims), gain(0), changes=costs("cuda A"))
    assert [v.verdict for v in found[3:]] == [REPRODUCED, CONTRADICTED, REPRODUCED]
    assert found[3].comparisons[0].unit == "ratio"
    assert found[5].comparisons[0].unit == "s per update"
    assert found[3].comparisons[0].effect == pytest.approx(0.5 / 0.48, abs=0.01)
    others = judged(table(claims), gain(0), changes=costs("cuda A", noisy="cuda B"))
    unlike = "seed 1 has sides of cuda: cuda A and cuda: cuda B, which are not compared"
    assert all(v.why.startswith("no seed has all the values that it needs; ") for v in others)
    assert all(v.why.endswith(unlike) for v in others)
