"""A table's command: wrong values are refused first, and the last words are of the runs that it lacks."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmark import claims, plan, power, stopping, worker
from benchmark.command import KEPT
from benchmark.grids import grid
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.reproduce import said_of
from benchmark.runs.failures import failure
from benchmark.runs.run import Run
from benchmark.site import __main__ as site
from helpers.stores import called


def test_failed_runs_say_why_and_runs_that_nobody_began_are_counted(tmp_path: Path) -> None:
    planned = grid.load("demo/noisytune", [f"store={tmp_path}", "task=opinion", "seed=1,2"])
    store = Store(tmp_path)
    store.open()
    first = planned.runs[0]
    store.add_failure(failure(Run(first.config, first.command), "the weights ended", "crashed"))
    failed, again, never = said_of(planned.runs, planned, store)
    assert failed == "failed: the weights ended"
    assert again == f"   try again: {first.command}"
    assert never == "3 runs were not made: the same command goes on with them"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("protocol.selection=bets", "unknown protocol.selection 'bets'; did you mean 'best'?"),
        ("snapshot_minutes=-1", "snapshot_minutes=-1"),
        ("engine.run_minutes=-3", "engine.run_minutes=-3.0: must be above 0"),
        ("tracker=wandb tracker.mode=bad", "unknown mode 'bad'"),
    ],
)
def test_a_wrong_value_is_refused_though_the_whole_table_is_in_the_store(
    override: str,
    said: str,
    reproduce: Callable[..., tuple[int, str, str]],
    record_of: Callable[..., Record],
    tmp_path: Path,
) -> None:
    words = ["demo/noisytune", "task=opinion", "seed=1,2"]
    store = Store(tmp_path / "store")
    store.open()
    for run in grid.load(words[0], words[1:]).runs:
        store.add(record_of(run.config, {"validation": {"accuracy": 0.5}}), {})
    status, _, err = reproduce(*words, "--plan")
    assert (status, err.count("4 in the store, 0 to do")) == (0, 1), err
    status, _, err = reproduce(*words, *override.split())
    assert (status, err.count("\n")) == (2, 1), err
    assert said in err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("method.noisytune.intensity=-5", "method.noisytune: intensity=-5.0: lambda must be at least 0"),
        ("method.noisytune.intensity=0.1,abc", "method.noisytune: intensity: Value 'abc' of type 'str'"),
        ("+method.noisytune.intensty=1", "NoisyTune has no field 'intensty'; did you mean 'intensity'?"),
        ("method=[noisytune,noisytune_gaussian]", "cannot act together: two variants of NoisyTune"),
    ],
)
def test_every_plan_refuses_settings_of_methods_as_a_run_does(
    changes: str, said: str, reproduce: Callable[..., tuple[int, str, str]], tmp_path: Path, capsys: Any
) -> None:
    status, _, err = reproduce("demo/noisytune", "task=opinion", "seed=1", changes, "--plan")
    assert (status, err.count("\n")) == (2, 1), err
    assert said in err
    words = ["noisytune/table2", "task=rte", "seed=1", changes, f"store={tmp_path}"]
    for command, further in ((plan, ["--on", "h100"]), (power, [])):
        assert called(command.main, capsys, *words, *further) == (2, "", err)


@pytest.mark.parametrize(
    ("options", "goes_on"), [([], True), (["--plan"], False), (["--report-only"], False)]
)
def test_a_command_that_makes_no_run_does_not_say_that_it_goes_on(
    options: list[str], goes_on: bool, reproduce: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise stopping.Stopped(signal.SIGTERM)

    monkeypatch.setattr(grid, "load", stop)
    status, _, err = reproduce("demo/noisytune", *options)
    assert (status, err) == (143, f"stopped by SIGTERM{KEPT if goes_on else ''}\n")


WRONG = ["demo/noisytune", "task=opinion", "protocol.selection=bets"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (plan, WRONG),
        (power, ["noisytune/table2", "task=rte", "protocol.selection=bets"]),
        (claims, ["noisytune/table2", "task=rte", "protocol.selection=bets"]),
        (site, [*WRONG, "--output", "site"]),
        (worker, WRONG),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_reader_of_a_grid_refuses_a_wrong_value_in_one_line(
    command: ModuleType, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = called(command.main, capsys, *words)
    assert (status, err.count("\n")) == (2, 1), err
    assert "unknown protocol.selection 'bets'; did you mean 'best'?" in err


def test_only_figures_that_are_there_are_named(reproduce: Callable[..., Any], tmp_path: Path) -> None:
    status, _, errors = reproduce(
        "demo/noisytune", "task=opinion", f"store={tmp_path / 'runs'}", "--report-only"
    )
    assert (status, ".html" in errors, "and figures" in errors) == (0, True, False)
