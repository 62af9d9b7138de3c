"""Sweep files of W&B: what its agent runs is a run of ours, and it is told the scores that it waits for."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import pytest
import yaml

from benchmark.config.compose import ROOT, composing, typed
from benchmark.config.identity import run_id
from benchmark.config.validation import validate
from benchmark.grids import grid
from benchmark.records.store import Store
from benchmark.runs.plugins import check_plugins
from helpers.wandb_server import none_left, pointed_at, serving

SWEEPS = sorted((ROOT / "sweeps" / "wandb").glob("*.yaml"))


def commands(sweep: dict[str, Any]) -> Iterator[list[str]]:
    """What W&B's agent would run: for the first values of every parameter, and each other value once."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    values = {key: one.get("values", [one.get("value")]) for key, one in sweep["parameters"].items()}
    first = {key: options[0] for key, options in values.items()}
    others = ({key: option} for key, options in values.items() for option in options[1:])
    for change in itertools.chain([{}], others):
        arguments = {key: {"value": value} for key, value in (first | change).items()}
        macros = create_sweep_command_args({"args": arguments})
        macros |= {"interpreter": ["python"], "env": ["/usr/bin/env"], "program": [sweep["program"]]}
        command = list[str]()
        for part in create_sweep_command(list(sweep["command"])):
            command += macros[part[2:-1]] if part.startswith("${") else [part]
        yield command


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_what_a_sweep_file_of_w_and_b_runs_is_a_run_of_ours(path: Path) -> None:
    sweep = yaml.safe_load(path.read_text())
    assert (ROOT / sweep["program"]).is_file()
    ids = set()
    with composing():
        for command in commands(sweep):
            assert command[:4] == ["/usr/bin/env", "python", "-m", "benchmark"]
            config = typed(hydra.compose("config", command[4:]))
            validate(config)
            check_plugins(config)
            ids.add(run_id(config))
            assert config.tracker["_target_"] == "benchmark.runs.tracking.WandB"
            name, metric = sweep["metric"]["name"].split("/")
            assert name in config.task.evaluate
            assert metric in config.task.metrics
    assert len(ids) == 1 + sum(len(one.get("values", [0])) - 1 for one in sweep["parameters"].values())


def test_sweep_files_of_w_and_b_are_no_tables() -> None:
    assert SWEEPS
    assert not any(name.startswith("wandb") for name in grid.tables())


def test_the_agent_is_told_the_scores_under_its_own_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A double of the agent: its variables, its command, and a run that it made up."""
    (tmp_path / ".cache").symlink_to(ROOT / ".cache")
    first = next(commands(yaml.safe_load((ROOT / "sweeps" / "wandb" / "demo.yaml").read_text())))
    command = [first[0], sys.executable, *first[2:], "data.count=64"]
    with serving() as server:
        pointed_at(server, monkeypatch, tmp_path)
        for name in ("agentrun1", "agentrun2"):  # the second is in the store by then
            told = {"WANDB_SWEEP_ID": "a1b2c3d4", "WANDB_RUN_ID": name, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(
                command, cwd=tmp_path, env={**os.environ, **told}, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            assert "WARNING" not in done.stderr
        assert none_left(server)
    assert sorted(server.runs) == ["agentrun1", "agentrun2"]
    (place,) = (path for path in (tmp_path / "results" / "runs").iterdir() if (path / "record.json").exists())
    record = Store(place.parent).find(place.name)
    assert record is not None
    for run in server.runs.values():
        assert run.told["sweep"] == "a1b2c3d4"
        assert run.exit_code == 0
        assert run.config["run_id"] == record.run_id
        assert run.summary["validation/accuracy"] == record.scores["validation"]["accuracy"]
