"""Searches of which not all runs were made yet: nothing is chosen among unequal numbers of runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report.build import Report
from benchmark.report.numbers import selection
from benchmark.report.words import NOT_MEASURED, REPRODUCED, UNDECIDED
from helpers.claims import noise, reported, table

CLAIM = {"better": {"method": ["noisytune"]}, "than": {"method": []}}
GOOD, BAD = 1.0, 0.1  # settings: shares of the data


@pytest.fixture
def searched(record_of: Any) -> Any:
    """The report of a table with two settings in each of two arms, where method and setting add points."""

    def made(end: Any = lambda config: "finished", gain: float = 0.0) -> Report:
        planned = table([CLAIM], shares=[str(BAD), str(GOOD)], search=["data.share"])

        def score(config: RunConfig) -> float:
            return 70 + 20 * (config.data.share == GOOD) + gain * bool(config.method) + noise(config, 0.1)

        return reported(planned, record_of, score, end)

    return made


def test_an_arm_is_not_compared_at_the_only_setting_that_was_run(searched):
    half = searched(lambda c: "missing" if not c.method and c.data.share == GOOD else "finished")
    [verdict], cells = half.verdicts, half.numbers.set_index("methods")
    assert (verdict.verdict, verdict.sentences) == (NOT_MEASURED, NOT_MEASURED)
    assert "5 runs not run yet" in verdict.why
    assert verdict.comparisons[0].tried == (2, 1)
    assert cells["runs_missing"].tolist() == [5, 0]
    assert np.isnan([cells.loc["", "score_mean"], cells.loc["noisytune", "difference_mean"]]).all()
    assert not cells["best"].any()
    assert half.sections[0].rows[0][2] == "missing"
    assert "5 of 20 runs are missing (5 not run)" in " ".join(half.notes)


def test_the_choice_is_made_on_the_seeds_that_have_all_settings(searched):
    def end(config: RunConfig) -> str:
        return "missing" if config.method and config.seed == 5 and config.data.share == BAD else "finished"

    [verdict] = searched(end, gain=5).verdicts
    assert (verdict.verdict, verdict.comparisons[0].n) == (UNDECIDED, 4)
    assert "but 1 run of its comparisons not run yet" in verdict.why
    [verdict] = searched(gain=5).verdicts
    assert (verdict.verdict, verdict.comparisons[0].tried) == (REPRODUCED, (2, 2))


def test_runs_lost_at_a_setting_that_is_not_chosen_are_counted(searched):
    lost = searched(lambda c: "diverged" if c.method and c.data.share == BAD else "finished")
    assert "5 of 20 runs diverged" in " ".join(lost.notes)
    [section] = [section for section in lost.sections if section.title == "Runs by their end"]
    assert [row[2] for row in section.rows] == ["10 finished", "5 finished, 5 diverged"]
    assert lost.numbers["best"].any()  # the chosen setting has all its runs


def test_the_leak_free_choice_compares_equal_numbers_of_runs():
    """One setting has its best seed alone: the other one is better on the seed that both have."""

    def runs(*scores: float) -> dict[int, selection.Crossing]:
        return {seed: selection.Crossing(np.full((2, 2), score)) for seed, score in enumerate(scores)}

    both = selection._on_common_seeds({"lucky": runs(0.9), "better": runs(0.95, 0.5)})
    assert selection._crossed(both) == [(0, 0.95, "finished")]
