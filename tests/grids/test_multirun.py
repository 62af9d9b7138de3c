"""`python -m benchmark +sweeps=TABLE` runs the whole grid of a table; nothing is trained here."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig

from benchmark.__main__ import rerun_command
from benchmark.config.identity import run_id
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.grids.multirun import multiruns

Cli = Callable[..., tuple[int, str, str]]
Ran = list[tuple[list[str], dict[str, str]]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Hydra's overrides and choices of every run that was asked for, none of which is run."""
    asked: Ran = []

    def run(*_: object) -> None:
        asked.append((list(HydraConfig.get().overrides.task), dict(HydraConfig.get().runtime.choices)))
        raise BenchmarkError("asked for")

    monkeypatch.setattr("benchmark.__main__.run", run)
    return asked


@pytest.mark.parametrize(
    ("name", "changes", "number"),
    [
        ("demo/noisytune", ["seed=1", "task=opinion"], 2),  # one rectangle
        ("hype/table8", ["seed=1", "task=rte", "method=[],[hype_n]"], 5),
        ("hype/table8", ["seed=1,2", "task=rte", "method=[hype_n]", "method.hype_n.sigma=1e-4"], 2),
        (
            "lnsr/figure5",
            ["seed=3", "task=rte", "method.lnsr.layer=1,24", "model=bert_large_uncased"],
            3,
        ),  # plain fine-tuning lacks that axis
        (
            "hype/table12",
            ["seed=1", "model=roberta_large", "method=[]", "task=cola,rte"],
            2,
        ),  # commas and braces
    ],
)
def test_the_whole_grid_is_run(
    name: str, changes: list[str], number: int, cli: Cli, ran: Ran, compose: Callable[..., Any]
) -> None:
    _, output, errors = cli(f"+sweeps={name}", *changes)
    assert (output, errors.count("asked for"), errors.count("\n")) == ("", number, number)
    planned = grid.load(name, changes)
    assert sorted(run_id(compose(*overrides)) for overrides, _ in ran) == sorted(
        run.run_id for run in planned.runs
    )


def test_what_a_run_says_to_type_is_that_run(cli: Cli, ran: Ran, compose: Callable[..., Any]) -> None:
    cli("+sweeps=hype/table8", "seed=1", "task=rte", "method=[hype_u]")
    assert len(ran) == 2
    for overrides, choices in ran:
        typed = shlex.split(rerun_command(overrides, choices))[3:]
        assert not any(one.startswith("+sweeps") for one in typed)
        assert run_id(compose(*typed)) == run_id(compose(*overrides))


def test_other_command_lines_are_left_alone() -> None:
    for line in (
        ["task=rte"],
        ["-m", "task=rte,cola"],
        ["+sweeps=demo/noisytune", "seed=1"],
        ["+sweeps=demo/noisytun"],
    ):
        assert multiruns(line) == [line]
