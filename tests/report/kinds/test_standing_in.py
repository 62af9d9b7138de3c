"""Rows that show the runs of other rows, for each kind of claim: they count once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmark.report import ledger
from benchmark.report.foresight import foresee
from helpers.claims import verdicts_on
from helpers.grids import load
from helpers.hand_made import claim, noise, scored

# Zero-shot, and again as translated training, which part-of-speech tags do not have
TWICE = ("noisytune/table3", "model=xlm_roberta_base", "task=udpos")
ONCE = (*TWICE, "task.setting=zero_shot")
SIDES: dict[str, Any] = {"runs": {"method": ["noisytune"]}, "than": {"method": []}}
WITHIN = {"margin": 2.0, "ratio": None, "over": None}
TREND = {
    "over": "method",
    "scale": "linear",
    "direction": "rises",
    "values": [[], ["noisytune"]],
    "at": [0, 1],
}
WITH = {"to": "score", "direction": "rises", "depth": []}
KINDS: dict[str, dict[str, Any]] = {
    "better": {"better": {"method": ["noisytune"]}, "than": {"method": []}},
    "failed": {"lower": {"method": ["noisytune"]}, "better": {}, "than": {"method": []}, "of": "failed"},
    "equivalent": SIDES | {"equivalent": WITHIN},
    "alike": {"runs": {}, "than": {}, "equivalent": WITHIN | {"over": "method"}},
    "not_worse": SIDES | {"not_worse": WITHIN},
    "size": SIDES | {"size": WITHIN | {"printed": 1.0}},
    "p_value": SIDES | {"p_value": {"printed": {"pos": 0.04}, "seeds": 5}},
    "trend": {"runs": {}, "trend": TREND},
    "trend of std": {"runs": {}, "trend": TREND, "of": "std"},
    "trend of failures": {"runs": {}, "trend": TREND, "of": "failed"},
    "association of runs": {"runs": {"method": []}, "association": WITH | {"over": "runs"}},
}


def stated(changes: dict[str, Any]) -> dict[str, Any]:
    sides: dict[str, Any] = {} if {"better", "lower"} & changes.keys() else {"better": {}}
    return claim(where=["pos"], **(sides | changes))


def judged(table: tuple[str, ...], record_of: Any, changes: dict[str, Any]) -> Any:
    planned = load(*table)
    planned = replace(planned, table=planned.table | {"claims": [stated(changes)], "controls": []})
    gain = 1.0 if "p_value" in changes else 0.1
    records = scored(planned, record_of, lambda c: 60 + noise(c, 1.0) + gain * ("noisytune" in c.method))
    [verdict] = verdicts_on(planned, records)
    [row] = ledger.entries(planned, [verdict], records, lambda config: 1)
    return verdict, row


@pytest.mark.parametrize("changes", KINDS.values(), ids=KINDS)
def test_a_row_that_stands_in_is_no_further_comparison(changes, record_of):
    (twice, row), (once, alone) = (judged(table, record_of, changes) for table in (TWICE, ONCE))
    assert len(once.comparisons) == 1
    assert (len(twice.comparisons), twice.corrected) == (1, once.corrected)
    assert twice.verdict == once.verdict
    assert (row.comparisons, row.pairs, row.planned, row.hurt) == (1, alone.pairs, alone.planned, alone.hurt)


def test_a_correlation_over_arms_has_no_arm_twice(record_of):
    changes = {"runs": {}, "association": WITH | {"over": "cells"}, "than": {}}
    verdict, _ = judged(TWICE, record_of, changes)
    assert [c.ours for c in verdict.comparisons] == ["3 arms"]


def test_power_is_of_the_distinct_cells(record_of):
    planned = load(*TWICE)
    planned = replace(planned, table=planned.table | {"claims": [stated(KINDS["better"])]})
    assert foresee(planned, {}, 0.5)[0].cells == 1
