"""`python -m benchmark +sweeps=TABLE` runs the whole grid of a table; nothing is trained here."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest

from benchmark.config.identity import run_id
from benchmark.grids import grid
from benchmark.grids.multirun import multiruns

Cli = Callable[..., tuple[int, str, str]]
Ran = list[tuple[dict[str, Any], str, str | None]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, record_of: Callable[..., dict[str, Any]]) -> Ran:
    """The configuration, command and table of every run that was asked for, in place of the runs."""
    asked: Ran = []

    def run(config: dict[str, Any], command: str, table: str | None, tell: object) -> dict[str, Any]:
        asked.append((config, command, table))
        return record_of(config, {})

    monkeypatch.setattr("benchmark.__main__.run", run)
    return asked


@pytest.mark.parametrize(
    ("name", "changes", "number"),
    [
        ("demo/noisytune", ["seed=1"], 6),  # one rectangle
        ("hype/table8", ["seed=1", "task=rte"], 7),
        ("hype/table8", ["seed=1,2", "task=rte", "method=[hype_n]", "method.hype_n.sigma=1e-4,1e-5"], 4),
        ("lnsr/figure5", ["seed=3", "task=rte"], 6),  # one rectangle lacks an axis of the others
        ("hype/table12", ["seed=1", "model=roberta_large", "method=[]"], 8),  # values with commas and braces
    ],
)
def test_the_whole_grid_is_run(name: str, changes: list[str], number: int, cli: Cli, ran: Ran) -> None:
    status, _, errors = cli(f"+sweeps={name}", *changes)
    assert (status, errors) == (0, "")
    assert len(ran) == number
    assert {table for _, _, table in ran} == {name}
    planned = grid.load(name, changes)
    assert sorted(run_id(config) for config, _, _ in ran) == sorted(cell.run_id for cell in planned.cells)


def test_what_a_run_says_to_type_is_that_run(cli: Cli, ran: Ran, compose: Callable[..., Any]) -> None:
    cli("+sweeps=hype/table8", "seed=1", "task=rte", "method=[hype_u]")
    assert len(ran) == 2
    for config, command, _ in ran:
        typed = [one for one in shlex.split(command)[3:] if not one.startswith(("store=", "cache="))]
        assert run_id(compose(*typed)) == run_id(config)


def test_other_command_lines_are_left_alone() -> None:
    for line in (
        ["task=rte"],
        ["-m", "task=rte,cola"],
        ["+sweeps=demo/noisytune", "seed=1"],
        ["+sweeps=demo/noisytun"],
    ):
        assert multiruns(line) == [line]
