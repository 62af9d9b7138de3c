"""The smoke run of every table."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from benchmark import grid
from benchmark import reproduce as reproduce_command
from benchmark.config import METRICS, validate, validate_methods
from benchmark.report.frame import columns_of
from benchmark.report.table import build

load = functools.cache(lambda name: grid.load(name, small=True))
DECLARED = [name for name in grid.tables() if not name.startswith("demo/")]


@pytest.mark.parametrize("name", DECLARED)
def test_every_table_has_a_smoke_run_that_could_start(name: str) -> None:
    small = load(name)
    assert len(small.cells) <= 100
    for cell in small.cells:
        validate(cell.config)
        assert cell.config["model"]["name"] == small.table["stand_ins"]["model"]
        assert cell.config["protocol"]["name"] == "demo"
        assert cell.config["task"]["repo"] is None
        sets = {
            *cell.config["task"]["evaluate"],
            *(["train"] if cell.config["task"]["score_training"] else []),
        }
        for _, report, minus in columns_of(small, cell.config):
            for metric in (*report, *minus):
                place, _, metric_name = metric.rpartition("/")
                assert not place or place in sets
                own = cell.config["task"]["evaluate"].get(place, {}).get("metrics")
                values = [v for one in own or cell.config["task"]["metrics"] for v in METRICS[one]]
                assert metric_name in values
    for cell in {str(cell.config["method"]): cell for cell in small.cells}.values():
        validate_methods(cell.config)


@pytest.mark.parametrize("name", DECLARED)
def test_a_smoke_run_says_that_it_shows_nothing_and_compares_with_nothing(name: str) -> None:
    table = load(name).table
    assert table["title"].startswith("Smoke run on the embedded encoder, no evidence: ")
    assert table["smoke"]
    assert [table[key] for key in ("published", "published_rows", "claims", "search")] == [None, [], [], []]


@pytest.mark.parametrize("name", DECLARED)
def test_a_table_is_reported_before_any_run_is_there(name: str) -> None:
    planned = grid.load(name, ["seed=1"])
    shown = build(planned, {})
    assert shown.title == planned.table["title"]
    assert {cell for row in shown.sections[0].rows for cell in row[2:]} == {"missing"}


def test_the_smoke_run_of_a_subset_has_a_subset() -> None:
    counts = {cell.config["data"]["count"] for cell in grid.load("hype/table3", small=True).cells}
    assert counts == {64}


def test_a_table_of_many_languages_is_made_of_kinds_of_its_own() -> None:
    small = load("noisytune/table3")
    asked = [name for column in small.table["columns"].values() for name in column["report"]]
    assert len(asked) == len(set(asked)) == 12
    assert {cell.config["task"]["kind"] for cell in small.cells} == {"classification", "tagging", "answers"}
    assert {cell.config["task"]["setting"] for cell in small.cells} == {"zero_shot", "translate_train_all"}


def test_layers_are_brought_down_to_those_there_are() -> None:
    cells = grid.load("hype/table18", small=True).cells
    layers = [c.config["method"]["hype_n"]["layers"] for c in cells if c.config["method"]]
    assert {str(one) for one in layers} == {"[1, 2]", "[2]", "None"}


@pytest.mark.parametrize(
    ("name", "column"),
    [("hype/table7", "SciTail"), ("lnsr/table3", "RTE gap"), ("hype/table18", "Comparison")],
)
def test_a_smoke_run_goes_from_end_to_end(
    name: str, column: str, reproduce: Callable[..., tuple[int, str, str]]
) -> None:
    narrow = ["task=mnli_transfer"] if name == "hype/table7" else ["task=rte"]
    status, output, errors = reproduce(
        name, "--smoke", "seed=1", *narrow, "data.count=64", "protocol.epochs=1"
    )
    assert status == 0, errors
    assert "no evidence" in output
    assert column in output
    assert "missing" not in output


def test_a_table_that_needs_what_is_not_there_is_refused(
    reproduce: Callable[..., tuple[int, str, str]],
) -> None:
    for arguments in ([], ["--smoke"]):
        status, _, errors = reproduce("noisytune/figure5", *arguments)
        assert status == 2
        assert "noisytune/figure5 cannot be made yet: it needs the probe 'norm_change'" in errors


def test_arguments_come_in_one_string_for_make(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    arguments = f"--smoke --plan seed=1 store={tmp_path}"
    assert reproduce_command.main(["hype/table9", "--args", arguments]) == 0
    assert "hype/table9: 12 runs" in capsys.readouterr().err
