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
        ("demo/noisytune", ["++seed=7", "task=opinion"], 2),
        ("demo/noisytune", ["seed=1", "task=opinion", "method.noisytune.intensity=0.1,0.2"], 3),
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
    told = [line for line in errors.splitlines() if "so far" not in line]  # on a busy machine, how far it is
    assert (output, errors.count("asked for"), len(told)) == ("", number, number)
    planned = grid.load(name, changes)
    assert sorted(run_id(compose(*overrides)) for overrides, _ in ran) == sorted(
        run.run_id for run in planned.runs
    )


def test_a_setting_of_a_multirun_is_for_the_runs_that_have_its_method(
    cli: Cli, ran: Ran, compose: Callable[..., Any]
) -> None:
    words = ["task=opinion", "method=[],[noisytune]", "method.noisytune.noise=gaussian,uniform", "++seed=3"]
    cli("-m", *words)
    found = [compose(*overrides) for overrides, _ in ran]
    assert [(config.seed, config.method.get("noisytune", {}).get("noise")) for config in found] == [
        (3, None),
        (3, "gaussian"),
        (3, "uniform"),
    ]


def test_options_stay_before_or_after_all_changes() -> None:
    words = ["~probe", "method=[],[x]", "hydra.job.name=a", "method.x.y=1,2"]
    for line in (["-m", *words], [*words, "-m"]):
        for made in multiruns(line):
            assert made.index("-m") in (0, len(made) - 1)
            assert {"~probe", "hydra.job.name=a"} < {*made}
        assert len(multiruns(line)) == 2


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
