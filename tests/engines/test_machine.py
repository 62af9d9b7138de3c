from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.config.compose import ROOT
from benchmark.config.identity import run_id
from benchmark.engines import machine
from benchmark.grids import grid
from benchmark.grids.grid import PlannedRun
from benchmark.records.disk import make_writable
from benchmark.records.record import Failure
from benchmark.records.store import Store
from benchmark.runs import resources
from benchmark.runs.result import portable_command

DEMO, CACHE = "demo/noisytune", ROOT / ".cache"
QUICK = ("task=opinion", "method=[]", "data.count=32", "protocol.epochs=1", f"cache='{CACHE}'")
UNTRUSTWORTHY = """
import os
import signal
from dataclasses import dataclass

from benchmark.methods import Method


@dataclass
class Untrustworthy(Method):
    how: str = "raise"

    def attach(self, model, setting):
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "exit":
            os._exit(9)
        if self.how == "look":
            raise RuntimeError(f"sees {os.environ.get('CUDA_VISIBLE_DEVICES')}")
        raise RuntimeError("lost its way")
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Three runs that fail, each in its way, and then one that does not; two at a time."""
    folder = tmp_path_factory.mktemp("launch")
    (folder / "untrustworthy.py").write_text(UNTRUSTWORTHY)
    good = grid.load(DEMO, [*QUICK, "seed=1", f"store='{folder / 'store'}'"]).runs[0]
    runs = {how: untrustworthy(good, how) for how in ("raise", "kill", "exit")} | {"good": good}
    store = Store(folder / "store")
    make_writable("store", store.folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        failed = machine.run_all(list(runs.values()), store, workers=2)
    return SimpleNamespace(runs=runs, store=store, failed=failed)


def untrustworthy(cell: PlannedRun, how: str) -> PlannedRun:
    method = {"untrustworthy": {"_target_": "untrustworthy.Untrustworthy", "how": how}}
    config = replace(cell.config, method=method)
    return replace(cell, config=config, run_id=run_id(config))


def failures(outcome: SimpleNamespace, how: str) -> list[Failure]:
    return outcome.store.failures(outcome.runs[how].run_id)


def test_a_run_finishes_beside_those_that_fail(outcome):
    assert outcome.store.find(outcome.runs["good"].run_id).status == "finished"


def test_the_runs_that_failed_are_returned(outcome):
    assert {cell.run_id for cell in outcome.failed} == {
        outcome.runs[how].run_id for how in ("raise", "kill", "exit")
    }


def test_a_run_that_raises_leaves_one_failure_with_its_error(outcome):
    assert [one.error for one in failures(outcome, "raise")] == ["RuntimeError: lost its way"]


def test_a_run_that_raises_says_where(outcome):
    assert 'untrustworthy.py", line' in failures(outcome, "raise")[0].traceback


def test_a_run_that_is_killed_leaves_one_failure_with_the_signal(outcome):
    assert [one.error for one in failures(outcome, "kill")] == ["its process was killed by signal 9"]


def test_a_run_that_dies_without_a_word_leaves_one_failure_with_its_status(outcome):
    assert ["exit status 9" in one.error for one in failures(outcome, "exit")] == [True]


def test_a_failure_says_how_to_try_again(outcome):
    planned = outcome.runs["kill"]
    assert failures(outcome, "kill")[0].command == portable_command(planned.config, planned.command)


def test_a_run_that_failed_is_no_record(outcome):
    assert [outcome.store.find(cell.run_id) for cell in outcome.failed] == [None] * 3


@pytest.mark.parametrize(("device", "seen"), [("auto", {"sees 4", "sees 7"}), ("cpu", {"no GPU"})])
def test_runs_are_spread_over_several_gpus(device, seen, tmp_path, monkeypatch):
    (tmp_path / "untrustworthy.py").write_text(UNTRUSTWORTHY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine, "gpus", lambda device: ["4", "7"])
    monkeypatch.setattr(machine, "fault_of_cuda", lambda context, environment: None)
    settings = ["seed=range(1,4)", f"device={device}", f"store='{tmp_path / 'store'}'"]
    store = Store(tmp_path / "store")
    make_writable("store", store.folder)
    cells = [untrustworthy(cell, "look") for cell in grid.load(DEMO, [*QUICK, *settings]).runs]
    failed = machine.run_all(cells, store, workers=2)
    errors = {failure.error for cell in failed for failure in store.failures(cell.run_id)}
    # A run on the cores keeps what its launcher had, which may have hidden the GPUs.
    names = {error.removeprefix("RuntimeError: ") for error in errors}
    assert {"no GPU" if name in ("sees None", "sees ") else name for name in names} == seen


def test_gpus_are_those_that_may_be_seen(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,3")
    assert resources.gpus() == ["5", "3"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert resources.gpus() == ["0", "1"]
    assert resources.gpus("cuda:1") == ["1"]


def test_there_are_no_more_runs_on_a_gpu_than_cores_and_a_number(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(20)))
    assert [resources.room(2, device) for device in ("cpu", "auto", "cuda:1")] == [10, 10, 8]


def records(store: Path) -> list[Path]:
    return list(store.glob("[!.]*/record.json"))


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A grid of two hundred runs, stopped by Ctrl-C after the first is finished."""
    folder = tmp_path_factory.mktemp("interrupted")
    scratch = folder / "scratch"
    scratch.mkdir()
    arguments = [DEMO, *QUICK, "seed=range(1,201)", f"store='{folder / 'store'}'"]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark.reproduce", *arguments, "--workers=1", f"--output={folder}"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"TMPDIR": str(scratch)},
        start_new_session=True,
        # Whatever runs the tests in the background may have them ignore Ctrl-C, which their children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 240
    while not records(folder / "store") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the workers as well
    _, err = process.communicate(timeout=60)
    return SimpleNamespace(
        store=folder / "store", arguments=arguments, status=process.returncode, err=err, scratch=scratch
    )


def test_ctrl_c_ends_with_status_130(interrupted):
    assert interrupted.status == 130, interrupted.err


def test_ctrl_c_says_that_nothing_is_lost_and_shows_no_stack_trace(interrupted):
    assert interrupted.err.splitlines()[-1].startswith("stopped by SIGINT: finished runs are kept")
    assert "Traceback" not in interrupted.err


def test_finished_runs_stay_readable_after_ctrl_c(interrupted):
    ids = [path.parent.name for path in records(interrupted.store)]
    assert ids
    assert {Store(interrupted.store).find(one).status for one in ids} == {"finished"}


def test_runs_and_ctrl_c_leave_nothing_in_the_temporary_folder(interrupted):
    left = [path.name for path in interrupted.scratch.iterdir()]
    assert [name for name in left if not name.startswith("torchinductor_")] == []  # torch makes that itself


def test_a_run_that_ctrl_c_stopped_is_no_failure(interrupted):
    assert not (interrupted.store / "failures").exists()


def test_the_plan_after_ctrl_c_counts_what_was_finished(interrupted, reproduce):
    done = len(records(interrupted.store))
    _, _, err = reproduce(*(a for a in interrupted.arguments if not a.startswith("cache=")), "--plan")
    assert f"200 runs (200 seed), {done} in the store, {200 - done} to do" in err
