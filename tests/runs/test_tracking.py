"""A tracker is told what a record says, and harms no run."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.config.compose import ROOT
from benchmark.config.identity import run_id
from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.records.store import Store
from benchmark.runs import tracking
from benchmark.runs.plugins import check_trackers
from benchmark.runs.run import Run, run

Config = RunConfig
Outcome = tuple[int, str, str]
SWEEPS = sorted((ROOT / "sweeps" / "wandb").glob("*.yaml"))


@pytest.fixture(autouse=True)
def without_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither an account nor settings of the machine's user, and nothing that failed before."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr(tracking, "broken", set())


@pytest.fixture
def tracked(tiny: Callable[..., Config], tmp_path: Path) -> Callable[..., Config]:
    """``tracked(*overrides)``: the shortest run with W&B in a folder of the test's own."""
    return lambda *overrides: tiny("tracker=wandb", f"tracker.folder='{tmp_path / 'tracked'}'", *overrides)


def offline_runs(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/offline-run-*/*.wandb"))


def read_back(path: Path) -> dict[str, Any]:
    """What an offline run holds: its fields, config, history by step and summary."""
    from wandb.proto.wandb_internal_pb2 import Record
    from wandb.sdk.internal.datastore import DataStore

    found: dict[str, Any] = {"config": {}, "history": {}, "summary": {}}
    file = DataStore()
    file.open_for_scan(str(path))
    for data in iter(file.scan_data, None):
        record = Record.FromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found |= {
                "group": record.run.run_group,
                "job_type": record.run.job_type,
                "sweep": record.run.sweep_id,
            }
            found["config"] |= {one.key: json.loads(one.value_json) for one in record.run.config.update}
        elif kind == "history":
            values = {named(one): json.loads(one.value_json) for one in record.history.item}
            found["history"][record.history.step.num] = values
        elif kind == "summary":
            found["summary"] |= {named(one): json.loads(one.value_json) for one in record.summary.update}
    file.close()
    return found


def named(item: Any) -> str:
    return item.key or "/".join(item.nested_key)


def test_an_offline_run_holds_curves_scores_and_configuration(
    tracked: Callable[..., Config], tmp_path: Path
) -> None:
    config = tracked("method=[noisytune]", "protocol.epochs=2")
    record = run(Run(config, purpose="demo/noisytune"))
    (path,) = offline_runs(tmp_path / "tracked")
    found = read_back(path)
    assert (found["group"], found["job_type"]) == ("demo/noisytune", "noisytune")
    assert found["config"]["run_id"] == record.run_id
    assert found["config"]["method"] == config.method
    assert found["config"]["protocol"]["learning_rate"] == config.protocol.learning_rate
    losses = Store(config.store).arrays(record.run_id)["losses"]
    np.testing.assert_allclose([found["history"][step + 1]["loss"] for step in range(len(losses))], losses)
    for entry in record.curve:
        values = found["history"][entry.step]
        assert values["validation/accuracy"] == entry.scores["validation"]["accuracy"]
        assert values["validation/loss"] == entry.losses["validation"]
    assert found["summary"]["validation/accuracy"] == record.scores["validation"]["accuracy"]
    assert found["summary"]["status"] == "finished"


def test_nothing_that_is_tracked_names_a_folder_or_the_machine(
    tracked: Callable[..., Config], tmp_path: Path
) -> None:
    config = tracked()
    config.model.revision = str(tmp_path / "somewhere" / "revision-1")
    run(Run(config))
    (path,) = offline_runs(tmp_path / "tracked")
    said = path.read_bytes()
    for private in (str(ROOT), str(tmp_path), str(Path.home()) + "/", socket.gethostname(), sys.executable):
        if len(private) > 3:
            assert private.encode() not in said, private
    assert read_back(path)["config"]["model"]["revision"] == "revision-1"


def test_a_tracker_is_no_part_of_a_run(tracked: Callable[..., Config], tiny: Callable[..., Config]) -> None:
    assert run_id(tracked()) == run_id(tiny())
    assert "tracker" not in run(Run(tracked("tracker.mode=disabled"))).config


def test_a_record_of_old_is_told_of_to_a_sweep_alone(
    tracked: Callable[..., Config],
    tiny: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(Run(tiny()))
    run(Run(tracked()))
    assert not offline_runs(tmp_path / "tracked")
    parameters = tmp_path / "parameters.yaml"
    parameters.write_text("wandb_version: 1\nmodel: {value: embedded}\n")
    told = {"SWEEP_ID": "a1b2c3d4", "RUN_ID": "e5f6a7b8", "PROJECT": "mine", "SWEEP_PARAM_PATH": parameters}
    for name, value in told.items():
        monkeypatch.setenv(f"WANDB_{name}", str(value))
    record = run(Run(tracked()))
    (path,) = offline_runs(tmp_path / "tracked")
    assert path.name == "run-e5f6a7b8.wandb"
    assert read_back(path)["sweep"] == "a1b2c3d4"
    assert read_back(path)["summary"]["validation/accuracy"] == record.scores["validation"]["accuracy"]


class Failing(tracking.Tracker):
    def track(self, *_: Any) -> None:
        raise OSError("no route to host\nand more")


def test_a_failing_tracker_is_warned_of_once_and_harms_no_run(
    tiny: Callable[..., Config], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "build", lambda settings: Failing())
    for seed in (1, 2):
        config = replace(tiny(f"seed={seed}"), tracker={"_target_": "benchmark.runs.tracking.Tracker"})
        record = run(Run(config))
        assert record.status == "finished"
        assert Store(config.store).find(record.run_id) == record
    (warning,) = caplog.records
    assert "OSError: no route to host; runs go on" in warning.getMessage()


def test_w_and_b_that_is_not_installed_is_warned_of_and_harms_no_run(
    tracked: Callable[..., Config],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "wandb.py").write_text("raise ModuleNotFoundError(\"No module named 'wandb'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run(Run(tracked())).status == "finished"
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert "No module named 'wandb'" in warning.getMessage()


def test_the_mode_is_the_configurations_then_the_environments_then_offline_without_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tracking.WandB().chosen_mode() == "offline"
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password none\n")
    assert tracking.WandB().chosen_mode() == "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert tracking.WandB().chosen_mode() == "disabled"
    assert tracking.WandB(mode="offline").chosen_mode() == "offline"


def test_a_tracker_that_cannot_be_is_refused_before_anything_runs(tiny: Callable[..., Config]) -> None:
    for override, said in (
        ("tracker.mode=ofline", "did you mean 'offline'?"),
        ("+tracker.projet=mine", "did you mean 'project'?"),
    ):
        with pytest.raises(BenchmarkError, match=said):
            check_trackers([tiny(), tiny("tracker=wandb", override)])
    with pytest.raises(BenchmarkError, match="expected a mapping with `_target_`"):
        check_trackers([tiny("+tracker.mode=offline")])


def test_the_runs_of_a_table_are_tracked_as_a_group(
    reproduce: Callable[..., Outcome], tmp_path: Path
) -> None:
    folder = tmp_path / "tracked"
    status, _, err = reproduce(
        "demo/noisytune", "task=opinion", "seed=1", "data.count=64", "protocol.epochs=1", "tracker=wandb",
        f"tracker.folder='{folder}'",
    )  # fmt: skip
    assert status == 0, err
    found = [read_back(path) for path in offline_runs(folder)]
    assert {one["group"] for one in found} == {"demo/noisytune"}
    assert sorted(one["job_type"] for one in found) == ["noisytune", "vanilla"]
