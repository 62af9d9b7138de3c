"""The exit status of a sweep is what its store has, whichever process its runs were made in."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, run_job
from hydra.plugins.launcher import Launcher

from benchmark.grids import grid
from benchmark.records.disk import make_writable
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.failures import failures_recorded
from benchmark.runs.missing import reason
from benchmark.runs.request import Run

Cli = Callable[..., tuple[int, str, str]]
FORK = multiprocessing.get_context("fork")
SWEEP = ("-m", "seed=1,2,3,4")
FAILING, DYING = 2, 3


class Apart(Launcher):
    """A launcher as joblib's and submitit's are: each run is made in another process, quietly."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        for number, overrides in enumerate(job_overrides, initial_job_idx):
            process = FORK.Process(target=self.make, args=(list(overrides), number))
            process.start()
            process.join()
            if process.exitcode:
                raise RuntimeError(f"a worker ended with {process.exitcode}")
        return [JobReturn(status=JobStatus.COMPLETED) for _ in job_overrides]

    def make(self, overrides: list[str], number: int) -> None:
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        config.hydra.job.id, config.hydra.job.num = str(number), number
        run_job(
            task_function=self.task_function,
            config=config,
            hydra_context=self.hydra_context,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> str:
    """The override that chooses the launcher above."""
    plugins = Plugins.instance()
    module = ModuleType("hydra_plugins.apart")
    module.Apart = Apart  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hydra_plugins", ModuleType("hydra_plugins"))
    monkeypatch.setitem(sys.modules, "hydra_plugins.apart", module)
    monkeypatch.setattr(Apart, "__module__", "hydra_plugins.apart")
    plugins.register(Apart)
    node = {"_target_": "hydra_plugins.apart.Apart"}
    ConfigStore.instance().store(group="hydra/launcher", name="apart", node=node)
    return "hydra/launcher=apart"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, record_of: Callable[..., Record]) -> list[int]:
    """Seeds of the runs that were made in this process; a run writes a record by hand, or fails."""
    seeds: list[int] = []

    def run(this: Run, _: object) -> Record:
        seeds.append(this.config.seed)
        make_writable("store", this.config.store)
        with failures_recorded(this):
            if this.config.seed == FAILING:
                raise RuntimeError("this one fails")
        if this.config.seed == DYING and HydraConfig.get().runtime.choices["data"] == "1k":
            os._exit(9)
        return this.store.add(record_of(this.config, {"validation": {"accuracy": 0.5}}), {})

    monkeypatch.setattr("benchmark.__main__.run", run)
    monkeypatch.setattr("benchmark.runs.early.check_data", lambda configs: None)
    return seeds


def records(folder: Path) -> int:
    return len(list(Store(folder / "store").folder.glob("*/record.json")))


def test_a_run_that_fails_in_another_process_fails_the_sweep(
    cli: Cli, made: list[int], apart: str, tmp_path: Path
) -> None:
    status, _, errors = cli(*SWEEP, apart)
    assert (status, records(tmp_path), made) == (1, 3, [])
    assert [line for line in errors.splitlines() if line] == [errors.strip()]
    assert errors.startswith("failed     ")
    assert "seed=2: RuntimeError: this one fails" in errors
    assert cli("-m", "seed=1,3,4", apart)[0] == 0


def test_a_run_that_ends_its_process_fails_the_sweep_in_lines(
    cli: Cli, made: list[int], apart: str, tmp_path: Path
) -> None:
    status, _, errors = cli("-m", "seed=1,3,4", "data=1k", apart)
    first, *others = errors.splitlines()
    assert (status, records(tmp_path)) == (1, 1)
    assert first == "the launcher stopped: RuntimeError: a worker ended with 9"
    assert [line.split(":")[0].split()[0] for line in others] == ["failed", "failed"]
    assert all("neither a record nor a failure" in line for line in others)


def test_a_run_that_fails_here_is_told_once(cli: Cli, made: list[int], tmp_path: Path) -> None:
    status, out, errors = cli(*SWEEP)
    assert (status, records(tmp_path), made) == (1, 3, [1, 2, 3, 4])
    assert (errors.count("\n"), out.count("\n")) == (1, 3)
    assert "seed=2" in errors
    assert "RuntimeError: this one fails" in errors


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("protocol.betas=[0.9,1]", "protocol.betas=[0.9, 1.0]"),
        ("threads=100000", "threads=100000: at most"),
        ("device=cuda:99", "device=cuda:99: not available here"),
        ("protocol.optimizer=adamw,adamm", "did you mean 'adamw'?"),
        ("task.builder=os.system", "task.builder=os.system: is not imported"),
        ("store=''", "store='': names no folder"),
    ],
)
def test_a_sweep_is_refused_once_and_before_its_first_run(
    change: str, line: str, cli: Cli, made: list[int], tmp_path: Path
) -> None:
    status, _, errors = cli(*SWEEP, change)
    assert (status, errors.count("\n"), made) == (2, 1, [])
    assert line in errors
    assert not list(tmp_path.glob("store/*"))


def test_a_record_of_other_files_is_no_process_that_was_ended(
    record_of: Callable[..., Record], tmp_path: Path
) -> None:
    [planned, *_] = grid.load("demo/noisytune", [f"store='{tmp_path}'"]).runs
    assert "neither a record nor a failure" in reason(planned)
    store = Store(tmp_path)
    store.open()
    store.add(record_of(planned.config, {}), {"losses": np.zeros(1, np.float32)})
    assert "of other files than those here now" in reason(planned)
