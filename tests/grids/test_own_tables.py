"""A table of one's own outside of the repository is planned, run and reported as ours are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark import plan
from benchmark.errors import BenchmarkError
from benchmark.grids import grid

Command = Callable[..., tuple[int, str, str]]
SWEEP = """# @package _global_
defaults: [override /protocol: demo]
hydra: {mode: MULTIRUN, sweeper: {params: {model: embedded, task: mine, method: "[],[quiet]", seed: "1,2"}}}
table:
  title: Mine
  layout: {rows: [method]}
  claims: [{says: Noise helps, better: {method: [quiet]}, than: {method: []}}]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a table, a task and a method of somebody's own, in a place with a space."""
    folder = tmp_path / "of mine"
    for name, text in {
        "task/mine": "name: mine\nbuilder: benchmark.embedded.tasks.build\ntext: [sentence]\nlabels: [bad, good]\n"
        "metrics: [accuracy]\ntrain: {config: opinion, split: train}\nevaluate: {no: {config: opinion, split: validation}}\n",
        "method/quiet": "# @package method.quiet\n_target_: benchmark.methods.noisytune.NoisyTune\nintensity: 0.1\n",
        "sweeps/of_mine/table1": SWEEP,
    }.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return folder


@pytest.fixture
def search(own: Path) -> str:
    return f"hydra.searchpath=['file://{own}']"


def test_it_is_listed_and_loaded_beside_ours(search: str) -> None:
    assert "of_mine/table1" in grid.tables([search])
    assert set(grid.tables()) < set(grid.tables([search]))
    planned = grid.load("of_mine/table1", [search, "seed=3"])
    assert [run.config.seed for run in planned.runs] == [3, 3]
    assert [list(run.config.method) for run in planned.runs] == [[], ["quiet"]]
    assert planned.axes["task"] == ["mine"]
    assert "hydra.searchpath" not in planned.changed
    assert grid.load("demo/noisytune", [search]).runs == grid.load("demo/noisytune").runs


def test_ours_take_tasks_of_ones_own(search: str) -> None:
    planned = grid.load("demo/noisytune", [search, "task=mine"])
    assert {run.config.task.name for run in planned.runs} == {"mine"}


def test_it_is_planned_with_all_others(search: str, tmp_path: Path) -> None:
    text = plan.plan(["of_mine/table1"], [search, f"store={tmp_path}"], False)
    assert "of_mine/table1" in text
    with pytest.raises(BenchmarkError, match=r"did you mean 'of_mine/table1'\?"):
        plan.plan(["of_mine/tabel1"], [search], False)


def test_it_is_run_and_reported(search: str, cli: Command, reproduce: Command, tmp_path: Path) -> None:
    changes = (search, "data.count=32", "protocol.epochs=1")
    status, output, errors = cli("+sweeps=of_mine/table1", *changes)
    assert (status, output.count("finished")) == (0, 4), errors
    status, _, errors = reproduce("of_mine/table1", *changes, "--report-only")
    assert status == 0, errors
    assert "4 in the store, 0 to do" in errors
    assert ".html, and figures" in errors
    [written] = (tmp_path / "tables" / "of_mine").glob("table1--data-count-32-protocol-epochs-1-*")
    assert "Noise helps" in (written / "table.md").read_text()
    status, _, errors = reproduce("of_mine/table1", search, "--smoke", "--plan")
    assert status == 0, errors


def test_ours_are_there_beside_ones_own(search: str, cli: Command) -> None:
    status, _, errors = cli("--cfg", "job", "-p", "table.title", "+sweeps=demo/noisytune", search)
    assert status == 0, errors


def test_an_empty_table_is_refused(search: str, own: Path) -> None:
    (own / "sweeps" / "of_mine" / "table2.yaml").write_text("# to be written\n")
    with pytest.raises(BenchmarkError, match=r"of_mine/table2.yaml: is empty"):
        grid.load("of_mine/table2", [search])


@pytest.mark.parametrize("value", ["[/nothing/here]", "['file:///nothing/here']"])
def test_a_folder_that_is_not_there_is_named(value: str) -> None:
    with pytest.raises(BenchmarkError, match=r"hydra.searchpath: no folder /nothing/here"):
        grid.load("demo/noisytune", [f"hydra.searchpath={value}"])


def test_a_table_that_is_not_there_is_named_with_ones_own(search: str) -> None:
    with pytest.raises(
        BenchmarkError, match=r"unknown table 'of_mine/table2' .*did you mean 'of_mine/table1'"
    ):
        grid.load("of_mine/table2", [search])
