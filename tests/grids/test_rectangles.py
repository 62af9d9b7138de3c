"""Grids that are unions of rectangles, and what a user's changes leave of them."""

from __future__ import annotations

import re

import pytest

from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.grids.rectangles import axes, declared, merged, narrowed

ONE = [{"task": ["a", "b"], "method": ["[]"], "seed": ["1", "2"]}]
UNION = declared(
    {"task": "a,b", "method": "[],[x]", "seed": "range(1,3)"},
    [
        {"method": "[y]", "method.y.strength": "0.1,0.2"},
        {"method": "[]", "protocol.epochs": "4"},
    ],
)


def test_a_further_rectangle_changes_some_axes_of_the_sweepers():
    assert UNION[1] == {
        "task": ["a", "b"],
        "method": ["[y]"],
        "seed": ["1", "2"],
        "method.y.strength": ["0.1", "0.2"],
    }


def test_null_leaves_an_axis_out():
    assert declared({"task": "a", "data.share": "0.1,0.2"}, [{"data.share": None}])[1] == {"task": ["a"]}


def test_an_axis_of_a_single_rectangle_takes_any_value():
    assert narrowed(ONE, {"task": ["z"], "protocol.epochs": ["1"]}) == [
        {"task": ["z"], "method": ["[]"], "seed": ["1", "2"], "protocol.epochs": ["1"]}
    ]


def test_an_axis_that_rectangles_share_is_changed_in_all():
    assert [one["seed"] for one in narrowed(UNION, {"seed": ["9"]})] == [["9"]] * 3


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"method": ["[x]"]}, [["[x]"]]),
        ({"method": ["[]"]}, [["[]"], ["[]"]]),
        ({"method": ["[y]", "[x]"]}, [["[x]"], ["[y]"]]),
        ({"method": ["[z]"]}, [["[z]"]]),
        ({"protocol.epochs": ["4"]}, [["[]"]]),
        ({"protocol.epochs": ["4"], "method": ["[x]"]}, [["[x]"]]),  # one is left, and takes any value
        ({"method": ["[y]"], "protocol.epochs": ["4"]}, [["[y]"]]),
        ({"method.y.strength": ["0.2"]}, [["[]", "[x]"], ["[y]"], ["[]"]]),
    ],
)
def test_where_rectangles_differ_each_keeps_what_is_asked_for(changes, left):
    assert [one["method"] for one in narrowed(UNION, changes)] == left


def test_a_value_that_is_declared_nowhere_is_added_once():
    found = narrowed(UNION, {"method.y.strength": ["0.1", "0.5"]})
    assert [one.get("method.y.strength") for one in found] == [None, ["0.1", "0.5"], None]


def test_the_axes_of_a_union_have_all_values():
    assert merged(UNION)["method"] == ["[]", "[x]", "[y]"]


def test_a_run_of_two_rectangles_is_one_cell():
    cells = grid.load("hype/table8", ["task=rte", "seed=1"]).runs
    assert len(cells) == len({cell.run_id for cell in cells}) == 10


def test_a_sweep_without_values_is_refused():
    with pytest.raises(BenchmarkError, match=r"seed=range\(1,1\): names no value"):
        declared({"task": "a", "seed": "range(1,1)"}, [])


def test_a_pattern_is_refused():
    with pytest.raises(
        BenchmarkError, match=r"task=glob\(\*\): name the values themselves, as in task=ONE,OTHER"
    ):
        declared({"task": "glob(*)"}, [])


@pytest.mark.parametrize(
    "values",
    [
        "range(1,3),2",
        "1,choice(2,3)",
        "sort(3,1),2",
        "1,glob(*)",
        "interval(1,3)",
        "[range(1,3)]",
        "{a: choice(1,2)}",
        "[1,[choice(1,2)]]",
    ],
)
def test_a_range_among_values_is_refused(values):
    with pytest.raises(
        BenchmarkError, match=rf"^seed={re.escape(values)}: no list of values; valid: a range alone"
    ):
        axes([f"seed={values}"])


def test_other_functions_of_hydra_give_their_values():
    assert axes(["seed=choice(1,2)", "task=sort(b,a)", "x=int(2.0),3", "y=[1,[2]],{a: 3}"]) == {
        "seed": ["1", "2"],
        "task": ["a", "b"],
        "x": ["2", "3"],
        "y": ["[1,[2]]", "{a:3}"],
    }
