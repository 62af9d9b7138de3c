"""What a cluster cannot do is said in one line before any run; what ends early is begun again, but not for ever."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark import stopping
from benchmark.engines import base, extras, slurm_cluster, slurm_jobs
from benchmark.engines.ray_cluster import RayCluster, Tasks
from benchmark.engines.slot import CRASHES, Slot
from benchmark.engines.slurm_cluster import SlurmCluster
from benchmark.engines.slurm_jobs import ENDING, HANGING, Jobs, refusal
from benchmark.engines.stamp import leave_stamp
from benchmark.engines.workplace import Begun, Workplace
from benchmark.errors import BenchmarkError
from benchmark.records.store import Store
from helpers import grids

PLACE = Workplace((), "/", {})
RAY, SLURM, LOCAL = (
    {"_target_": f"benchmark.engines.{name}"}
    for name in ("ray_cluster.RayCluster", "slurm_cluster.SlurmCluster", "machine.Local")
)


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_package_that_is_missing_is_named_with_its_extra(
    engine: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    built = base.build(RAY if engine == "ray" else SLURM)
    with pytest.raises(
        BenchmarkError, match=rf"package {package} is not installed: pip install '\.\[{engine}\]'"
    ):
        built.check()


def test_slurm_without_its_commands_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchmarkError, match="sbatch is not on this machine"):
        SlurmCluster().check()


@pytest.mark.parametrize("by_variable", [True, False])
def test_an_address_at_which_no_cluster_is_is_refused_at_once(
    by_variable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: True)
    with socket.socket() as unused:  # bound, but nobody listens
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address if by_variable else "")
        began = time.monotonic()
        with pytest.raises(BenchmarkError, match=f"no cluster at {address}"):
            RayCluster(address=None if by_variable else address).check()
    assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (RAY | {"gpus": -1}, r"engine\.gpus=-1"),
        (RAY | {"cpus": 0}, r"engine\.cpus=0"),
        (RAY | {"gpus": "nan"}, r"engine\.gpus=nan"),
        (RAY | {"run_minutes": 0}, r"engine\.run_minutes=0\.0: must be above 0"),
        (SLURM | {"run_minutes": -3}, r"engine\.run_minutes=-3"),
        (LOCAL | {"run_minutes": -3}, r"engine\.run_minutes=-3"),
        (SLURM | {"minutes": 1}, r"engine\.minutes=1: 2 or more"),
        (SLURM | {"cpus_per_task": 0}, r"engine\.cpus_per_task=0: 1 or more"),
        (SLURM | {"partitoin": "a"}, "partitoin"),
    ],
)
def test_a_wrong_setting_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        base.build(settings)


def test_the_words_of_slurm_are_put_on_one_line() -> None:
    said = "sbatch: error: invalid partition specified: a\nsbatch: error: Batch job submission failed: b\n"
    assert refusal(said) == "invalid partition specified: a; Batch job submission failed: b"
    assert refusal("usage\nno such thing\n") == "no such thing"


class Fake:
    """Ray with two nodes, one of them gone."""

    def __init__(self, **resources: float) -> None:
        self.resources = resources

    def remote(self, **options: Any) -> Any:
        return lambda function: SimpleNamespace(remote=lambda slot: slot)

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": alive, "Resources": self.resources} for alive in (True, False)]

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def wait(self, tasks: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        return [], tasks


def tasks(ray: Fake, cpus: float, gpus: float, workers: int | None = None, runs: int = 100) -> Tasks:
    begun = Begun("stamp", Path("/logs"), PLACE)
    return Tasks(ray, {"num_cpus": cpus, "num_gpus": gpus}, begun, workers, runs)


def test_there_are_as_many_workers_as_nodes_have_resources_for() -> None:
    ray = Fake(CPU=8.0, GPU=2.0)
    assert tasks(ray, cpus=1, gpus=0.25).room() == 8
    assert tasks(ray, cpus=1, gpus=1).room() == 2
    assert tasks(ray, cpus=1, gpus=0).room() == 8


def test_workers_are_added_as_nodes_join() -> None:
    ray = Fake(CPU=1.0)
    some = tasks(ray, cpus=1, gpus=0)
    assert some.go_on()
    ray.resources = {"CPU": 3.0}
    some.go_on()
    some.go_on()
    assert len(some.going) == 3


def test_there_are_no_more_workers_than_asked_for_or_runs() -> None:
    for workers, runs, begun in ((2, 100, 2), (None, 3, 3)):
        some = tasks(Fake(CPU=8.0), 1, 0, workers, runs)
        some.go_on()
        assert len(some.going) == begun


def test_a_worker_that_no_node_has_room_for_is_refused() -> None:
    with pytest.raises(
        BenchmarkError, match=r"no node has 1 CPUs and 1 GPUs for a worker \(the cluster has 8 and 0\)"
    ):
        tasks(Fake(CPU=8.0), cpus=1, gpus=1)


@pytest.mark.parametrize(
    ("ends", "status", "times"),
    [
        ([0], 0, 1),
        ([1], 1, 1),
        ([2], 2, 1),
        ([143], 143, 1),
        ([-15], -15, 1),
        ([-9, 0], 0, 2),
        ([-9] * 9, -9, 1 + CRASHES),
    ],
)
def test_a_worker_that_crashed_is_begun_again(
    ends: list[int], status: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter(ends)
    monkeypatch.setattr(Slot, "once", lambda self: next(given))
    assert Slot(PLACE)() == status
    assert len(ends) - len(list(given)) == times


class Queue:
    """`squeue`, as it answers in turn; the last answer stays."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = [*answers], list[str]()

    def __call__(self, jobs: Jobs, *words: str) -> SimpleNamespace:
        self.asked.append(words[0])
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return SimpleNamespace(returncode=int(said == "down"), stdout=said, stderr="squeue: error: down")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(slurm_jobs, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_jobs_are_there_until_slurm_says_that_they_are_not(
    monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Jobs, "call", Queue("1_0 RUNNING\n1_1 PENDING\n", "down", "down", ""))
    jobs = Jobs("a")
    for there in (True, True, True, False):
        assert jobs.unfinished() is there
        clock.now += 10
    assert caplog.messages == ["engine=slurm: down; the jobs may go on"]  # once, however long it is silent


def test_a_job_that_ends_for_ever_has_ended(monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace) -> None:
    monkeypatch.setattr(Jobs, "call", Queue("1_0 RUNNING\n", f"1_0 {ENDING}\n"))
    jobs = Jobs("a")
    clock.now += HANGING - 1
    assert jobs.unfinished()
    clock.now += HANGING + 1
    assert not jobs.unfinished()


def test_a_second_signal_is_obeyed_at_once_unless_it_is_the_first_ones_echo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(stopping, "time", SimpleNamespace(monotonic=lambda: clock.now))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)}
    stopping.hear(signal.SIGTERM)
    try:
        with stopping.deferred():
            for _ in range(2):  # of the scheduler, and of the launcher
                signal.raise_signal(signal.SIGTERM)
            assert stopping.asked()
            clock.now += 5
            with pytest.raises(stopping.Stopped):
                signal.raise_signal(signal.SIGTERM)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_command_that_is_begun_again_adds_no_jobs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The jobs of the first are there, and end without a run: they were cancelled by hand."""
    monkeypatch.setattr(Jobs, "call", Queue(*["1_0 RUNNING\n1_1 RUNNING\n"] * 2, ""))
    monkeypatch.setattr(slurm_jobs, "EVERY", 0.0)
    monkeypatch.setattr(SlurmCluster, "submit", lambda *_: pytest.fail("it was submitted"))
    planned = grids.load("demo/noisytune", "task=opinion", "method=[]", "seed=1,2", f"store='{tmp_path}'")
    store = Store(tmp_path)
    store.open()
    with pytest.raises(BenchmarkError, match="no worker is left, and 2 runs are missing"):
        SlurmCluster().make(base.Assignment(planned, (), list(planned.runs), store))
    assert "2 jobs of this grid are there already: none is added" in caplog.text


@pytest.mark.parametrize(("said", "stays"), [("", False), ("1_0 RUNNING\n", True), ("down", True)])
def test_what_submitit_left_goes_once_the_jobs_of_its_grid_have_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, stays: bool
) -> None:
    monkeypatch.setattr(Jobs, "call", Queue(said))
    monkeypatch.setattr(slurm_cluster.shutil, "which", lambda name: name)
    store = Store(tmp_path)
    store.open()
    logs = tmp_path / "logs" / "0123"
    logs.mkdir(parents=True)
    for name in ("1_0_submitted.pkl", "1_submission.sh", ".submission_file_1.sh", "1_0_0_log.err"):
        (logs / name).touch()
    SlurmCluster().tidy(store, None)
    left = {path.name for path in logs.iterdir()}
    assert "1_0_0_log.err" in left
    assert (len(left) > 1) is stays


def test_the_jobs_of_a_grid_that_has_its_runs_are_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Jobs, "call", Queue("1_0 RUNNING\n", "1_0 COMPLETING\n", ""))
    monkeypatch.setattr(slurm_cluster.shutil, "which", lambda name: name)
    monkeypatch.setattr(slurm_jobs.time, "sleep", lambda seconds: None)
    planned = grids.load("demo/noisytune", "task=opinion", "method=[]", "seed=1", f"store='{tmp_path}'")
    store = Store(tmp_path)
    store.open()
    logs = tmp_path / "logs" / leave_stamp(planned, store)
    (store.folder / "stamps" / "damaged.json").write_text("{}")
    logs.mkdir(parents=True)
    (logs / "1_0_submitted.pkl").touch()
    SlurmCluster().tidy(store, planned)
    assert not list(logs.iterdir())
