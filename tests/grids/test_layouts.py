"""A table that shows what its runs do not have is refused before any run, and so is a name without an axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.report import cells

AXES = {
    "model": "embedded",
    "task": "opinion,closeness",
    "method": "[],[noisytune]",
    "data.count": "32,64",
    "seed": "1,2",
}


@pytest.fixture
def loaded(tmp_path: Path):
    """A function that loads a small table with these parts."""

    def load(parts: dict[str, Any], axes: dict[str, str], *changes: str) -> grid.Grid:
        file = tmp_path / "conf" / "sweeps" / "mine" / "t.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "defaults": [{"override /protocol": "demo"}],
            "hydra": {"mode": "MULTIRUN", "sweeper": {"params": AXES | axes}},
            "table": {"title": "T"} | parts,
        }

        file.write_text(f"# @package _global_\n{yaml.safe_dump(content)}")
        return grid.load("mine/t", [f"hydra.searchpath=[file://{tmp_path / 'conf'}]", *changes])

    return load


def column(tasks: list[str], report: list[str], **more: Any) -> dict[str, Any]:
    return {"columns": {"A": {"tasks": tasks, "report": report} | more}}


FAULTS = [
    (
        column(["opinion"], ["f1"]),
        "unknown score 'f1' in sweeps/mine/t, column 'A', report, task opinion (valid: accuracy, validation/accuracy)",
    ),
    (
        column(["opinion", "closeness"], ["accuracy"]),
        "column 'A', report, task closeness (valid: pearson, spearman",
    ),
    (
        column(["opinion"], ["accuracy"], minus=["train/accuracy"]),
        "unknown score 'train/accuracy' in sweeps/mine/t, column 'A', minus, task opinion; did you mean 'validation/acc",
    ),
    (column(["opinion"], ["test/accuracy"]), "unknown score 'test/accuracy'"),
    (column(["opinion"], ["accuracy@8"]), "unknown score 'accuracy@8'"),
    (column(["opinion"], []), "column 'A', report: names none"),
    (column([], ["accuracy"]), "column 'A', tasks: names none"),
    (
        {"layout": {"rows": ["methud"]}},
        "unknown axis 'methud' in sweeps/mine/t, layout.rows; did you mean 'method'? (valid: data.count, method, model,",
    ),
    ({"layout": {"rows": ["method", "seed"]}}, "unknown axis 'seed'"),
    ({"layout": {"kind": "lines", "x": "data.cont"}}, "layout.x; did you mean 'data.count'? (valid: column,"),
    (
        {"layout": {"kind": "lines"}},
        "layout.x=column: lines join the values of an axis; valid: model, method",
    ),
    ({"layout": {"kind": "bars", "series": ["metod"]}}, "layout.series; did you mean 'method'?"),
    (
        {"layout": {"kind": "bars", "panels": ["memory"]}},
        "unknown axis 'memory' in sweeps/mine/t, layout.panels",
    ),
    ({"layout": {"kind": "lines", "x": "layer"}}, "unknown axis 'layer' in sweeps/mine/t, layout.x"),
    (
        {"layout": {"kind": "lines", "x": "step", "y": "time"}},
        "unknown axis 'step' in sweeps/mine/t, layout.x",
    ),
    (
        {"layout": {"kind": "histogram", "x": "method"}},
        "layout.x=method: a histogram shows counts; valid: x: sens",
    ),
    (
        {"layout": {"kind": "histogram", "y": "probe/none"}},
        "unknown quantity 'probe/none' in sweeps/mine/t, layout.y",
    ),
    (
        {"layout": {"panels": ["probe/sensitivity/stdd"]}},
        "layout.panels; did you mean 'probe/sensitivity/std'?",
    ),
    (
        {"layout": {"kind": "histogram", "x": "sensitivity", "y": "probe/sensitivity"}},
        "sweeps/mine/t, layout: probe/sensitivity: its runs take no probe 'sensitivity' (valid: none)",
    ),
    (
        {
            "claims": [
                {
                    "says": "s",
                    "of": "probe/norm_change",
                    "better": {"method": ["noisytune"]},
                    "than": {"method": []},
                }
            ]
        },
        "sweeps/mine/t, claim 1: probe/norm_change: its runs take no probe 'norm_change'",
    ),
    ({"layout": {"statistic": []}}, "layout.statistic: names none; valid: mean, std"),
    *(
        ({"search": [axis]}, f"unknown axis '{axis}' in sweeps/mine/t, search")
        for axis in ("seed", "task", "method", "model", "protocol.epochs")
    ),
    ({"averages": {"Mean": ["opinion", "opinion"]}}, "average 'Mean': names 'opinion' twice"),
    ({"averages": {"Mean": [["opinion"], []]}}, "average 'Mean': names no column; valid: opinion, closeness"),
    (
        {"averages": {"opinion": ["closeness"]}},
        "average 'opinion': the name is taken (by opinion, closeness, aver",
    ),
    ({"averages": {"average": ["closeness"]}}, "average 'average': the name is taken"),
]


@pytest.mark.parametrize(("parts", "line"), FAULTS, ids=[line[-40:] for _, line in FAULTS])
def test_what_a_table_cannot_show_is_refused_before_any_run(loaded, parts: dict[str, Any], line: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        loaded(parts, {})
    assert line in str(caught.value)


@pytest.mark.parametrize(
    "parts",
    [
        column(["opinion"], ["validation/accuracy"]),
        column(["closeness"], ["pearson", "validation/spearman"], minus=["pearson"]),
        {"layout": {"rows": ["task", "data.count", "method"]}},
        {"layout": {"kind": "bars"}},
        {"layout": {"kind": "lines", "x": "step", "panels": ["task", "score", "loss"], "series": ["seed"]}},
        {"layout": {"kind": "bars", "x": "parameter", "y": "probe/norm_change"}},
        {"layout": {"kind": "bars", "y": "probe/norm_change/norms"}},
        {"search": ["data.count"]},
        {"averages": {"Mean": [["opinion", "closeness"], "opinion"], "One": "opinion"}},
    ],
)
def test_what_it_can_show_is_taken(loaded, parts: dict[str, Any]) -> None:
    loaded(parts, {"probe": "[norm_change]"})
    loaded(parts, {"probe": "[norm_change]"}, "probe=[]", "task=opinion")  # by a user, who loses the figure


def test_layers_of_retrieval_are_scores_of_runs_that_compare_them(loaded) -> None:
    axes = {"task": "xnli_retrieval", "data.count": "32"}
    named = ["tatoeba/accuracy@others", "tatoeba/de/accuracy@8", "bucc2018/f1@dev", "xnli/accuracy"]
    loaded(column(["xnli_retrieval"], named), axes)
    for wrong in (
        "tatoeba/accuracy@dev",
        "bucc2018/precision@others",
        "xnli/accuracy@8",
        "tatoeba/accuracy@LAYER",
    ):
        with pytest.raises(BenchmarkError, match=f"unknown score '{wrong}'"):
            loaded(column(["xnli_retrieval"], [wrong]), axes)
    with pytest.raises(BenchmarkError, match="unknown score 'tatoeba/accuracy@others'"):
        loaded(column(["xnli_retrieval"], named), axes, "task.languages=[de]")


@pytest.mark.parametrize(
    ("task", "finished", "text"), [("opinion", 2, "hidden"), ("opinion", 0, "–"), ("Avg.", 2, "–")]
)
def test_a_column_that_a_row_does_not_have_is_not_called_hidden(task: str, finished: int, text: str) -> None:
    cell = {"task": task, "score_n": 0, "runs_finished": finished}
    cell |= dict.fromkeys(("runs_missing", "runs_failed", "runs_diverged"), 0)
    assert cells.score(pd.Series(cell), 2) == text
