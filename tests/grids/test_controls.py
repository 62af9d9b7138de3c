"""Controls: the claim against them, and the refusal of those that a grid lacks."""

from __future__ import annotations

import pytest

from benchmark.errors import BenchmarkError
from benchmark.grids.controls import check, controlled
from helpers.hand_made import claim

CONTROL = ["no_dropout"]


def methods(**sides: object) -> list[object]:
    again = controlled(claim(better={"method": ["hype_n"]}) | sides, CONTROL)
    return [again[side].get("method") for side in ("than", "gain_over")] if again else []


def test_the_control_is_in_the_place_of_plain_fine_tuning():
    assert methods() == [[["no_dropout"]], None]
    assert methods(than={"method": [[], ["sage"]]}) == [[["no_dropout"], ["sage"]], None]
    assert methods(than={"method": ["hype_n"]}, gain_over={"method": []}) == [["hype_n"], [["no_dropout"]]]
    beside = {"better": {"method": ["hype_n", "rdrop"]}, "than": {"method": ["rdrop"]}}
    assert methods(**beside) == [[["no_dropout", "rdrop"]], None]


def test_what_is_not_against_plain_fine_tuning_has_no_control():
    assert methods(than={"method": ["rdrop"]}) == []
    assert methods(better={"data.share": 0.1}, than={"data.share": 0.9}) == []
    assert methods(better={"method": ["no_dropout"]}) == []


@pytest.mark.parametrize(
    ("control", "message"),
    [
        ([["no_dropuot"]], "did you mean 'no_dropout'"),
        ([["rdrop"]], r"unknown method '\[rdrop\]' in sweeps/x, controls"),
        (["no_dropout"], r"controls: no_dropout is not a list of methods, as in \[\[no_dropout\]\]"),
        ([[]], r"controls: \[\] is plain fine-tuning"),
        ([["no_dropout"], ["no_dropout"]], r"controls: \[.no_dropout.\] stands there twice"),
    ],
)
def test_a_control_that_the_grid_lacks_is_refused(control, message):
    grid = [{"method": ["[]", "[no_dropout]", "[hype_n]", "[hype_n,rdrop]"]}]
    check([["no_dropout"]], [claim(better={"method": ["hype_n"]})], grid, "sweeps/x")
    with pytest.raises(BenchmarkError, match=message):
        check(control, [claim(better={"method": ["hype_n"]})], grid, "sweeps/x")


def test_a_control_may_stand_beside_a_technique_alone():
    grid = [{"method": ["[rdrop]", "[hype_n,rdrop]", "[no_dropout,rdrop]"]}]
    stated = claim(better={"method": ["hype_n", "rdrop"]}, than={"method": ["rdrop"]})
    check([CONTROL], [stated], grid, "sweeps/x")
    with pytest.raises(BenchmarkError, match="no_dropout"):
        check([CONTROL], [claim(better={"method": ["hype_n"]}, than={"method": ["rdrop"]})], grid, "sweeps/x")


def test_a_control_without_a_seed_of_the_claimed_runs_is_refused():
    first = {"method": ["[]", "[hype_n]"], "seed": ["1", "2", "3"]}
    stated = [claim(better={"method": ["hype_n"]}, where="average")]
    check([CONTROL], stated, [first, {"method": ["[no_dropout]"], "seed": ["3", "4"]}], "sweeps/x")
    line = "claim 1 against the control no_dropout: better has the seeds 1,2,3 and than 11,12: runs are paired by seed"
    with pytest.raises(BenchmarkError, match=line):
        check([CONTROL], stated, [first, {"method": ["[no_dropout]"], "seed": ["11", "12"]}], "sweeps/x")
