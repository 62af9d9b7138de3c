"""Grids that are unions of rectangles, and what a user's changes leave of them."""

from __future__ import annotations

import re

import pytest

from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.grids.rectangles import axes, declared, merged, narrowed, override_of

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


def test_a_key_with_a_sign_is_the_same_axis():
    planned = grid.load(
        "demo/noisytune", ["task=opinion", "method=[]", "++seed=7,8", "++protocol.epochs=1,2"]
    )
    assert [run.config.seed for run in planned.runs] == [7, 8, 7, 8]
    assert (planned.axes["seed"], planned.axes["protocol.epochs"]) == (["7", "8"], ["1", "2"])
    assert list(planned.changed) == ["task", "method", "seed", "protocol.epochs"]
    assert axes(["seed=1", "++seed=2"]) == {"seed": ["2"]}


@pytest.mark.parametrize("sign", ["", "+", "++"])
def test_a_declared_axis_keeps_its_sign(sign):
    [changed] = narrowed(
        declared({"+task.evaluate": "{a: {split: b}}"}, []), axes([f"{sign}task.evaluate=1"])
    )
    assert [override_of(key, *values) for key, values in changed.items()] == ["+task.evaluate=1"]


@pytest.mark.parametrize("group", ["method", "probe"])
def test_a_setting_is_an_axis_of_the_runs_that_have_it(group):
    whole = [{group: ["[]", "[x]", "[y]", "[x,y]"], "seed": ["1"]}]
    assert narrowed(whole, {f"{group}.x.strength": ["0.1", "0.2"]}) == [
        {group: ["[]", "[y]"], "seed": ["1"]},
        {group: ["[x]", "[x,y]"], "seed": ["1"], f"{group}.x.strength": ["0.1", "0.2"]},
    ]


def test_a_method_that_a_user_writes_out_is_of_every_run():
    whole = [{"method": ["[]", "[x]"]}]
    changes = {"method.z": ["{_target_: a.B}"], "method.z.strength": ["1"]}
    assert narrowed(whole, changes) == [whole[0] | changes]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "+method.hype_n.sigma=1",
            r"\+method.hype_n.sigma=1: no run has the method 'hype_n' \(the runs have",
        ),
        ("method.noisytun.intensity=1", "no run has the method 'noisytun'; did you mean 'noisytune'?"),
        ("~seed", "~seed: an axis of the grid; name the values to keep, as in seed=VALUE"),
        ("~task", "~task: an axis of the grid"),
    ],
)
def test_a_change_that_changes_no_run_is_refused(change, said):
    with pytest.raises(BenchmarkError, match=said):
        grid.load("demo/noisytune", [change])


@pytest.mark.parametrize(
    "change",
    [
        "seed=range(1,10,0)",
        "++seed=interval(1,2)",
        "seed=range(1,3),2",
        "seed=1,choice(2,3)",
        "task=opinion,choice(2,3)",
        "task=range(1,9,0)",
    ],
)
def test_what_is_no_list_of_values_is_refused_in_our_words(change):
    key = change.lstrip("+").partition("=")[0]
    with pytest.raises(BenchmarkError) as caught:
        grid.load("demo/noisytune", [change])
    assert str(caught.value).startswith(
        f"{change}: no list of values; valid are {key}=ONE,OTHER or {key}=range("
    )


def test_a_run_of_two_rectangles_is_one_cell():
    cells = grid.load("hype/table8", ["task=rte", "seed=1"]).runs
    assert len(cells) == len({cell.run_id for cell in cells}) == 10


def test_a_sweep_without_values_is_refused():
    with pytest.raises(BenchmarkError, match=r"seed=range\(1,1\): names no value"):
        declared({"task": "a", "seed": "range(1,1)"}, [])


@pytest.mark.parametrize("values", ["glob(*)", "a,glob(*)"])
def test_a_pattern_is_refused(values):
    with pytest.raises(
        BenchmarkError,
        match=rf"task={re.escape(values)}: name the values themselves, as in task=ONE,OTHER",
    ):
        declared({"task": values}, [])


@pytest.mark.parametrize(
    "values",
    [
        "range(1,3),2",
        "1,choice(2,3)",
        "sort(3,1),2",
        "interval(1,3)",
        "[range(1,3)]",
        "{a: choice(1,2)}",
        "[1,[choice(1,2)]]",
    ],
)
def test_a_range_among_values_is_refused(values):
    with pytest.raises(
        BenchmarkError, match=rf"^seed={re.escape(values)}: no list of values; valid are seed=ONE,OTHER"
    ):
        axes([f"seed={values}"])


def test_other_functions_of_hydra_give_their_values():
    assert axes(["seed=choice(1,2)", "task=sort(b,a)", "x=int(2.0),3", "y=[1,[2]],{a: 3}"]) == {
        "seed": ["1", "2"],
        "task": ["a", "b"],
        "x": ["2", "3"],
        "y": ["[1,[2]]", "{a:3}"],
    }
