"""Grids made by real clusters of this machine, in which something is killed, are those that nobody disturbed."""

from __future__ import annotations

import importlib.util
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmark import stopping
from benchmark.config.compose import ROOT
from benchmark.engines.base import Assignment, Engine
from benchmark.engines.ray_cluster import RayCluster
from benchmark.engines.slurm_cluster import SlurmCluster
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.records.store import Store
from benchmark.runs.run import Run, run
from helpers import slurm

WORDS = (
    "demo/noisytune",
    "task=opinion",
    "method=[noisytune]",
    "seed=range(1,11)",
    "protocol.epochs=null",
    "protocol.steps=3",
    "data.count=64",
    "device=cpu",  # spares workers an import of torch of their own
    f"cache='{ROOT / '.cache'}'",
)
MARK = "BENCHMARK_TEST_OF_CLUSTERS"  # an environment variable, by which the processes of a test are found
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is not installed: pip install '.[ray]'"
)
needs_slurm = [
    pytest.mark.skipif(slurm.missing() is not None, reason=str(slurm.missing())),
    pytest.mark.skipif(
        importlib.util.find_spec("submitit") is None,
        reason="submitit is not installed: pip install '.[slurm]'",
    ),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    """The grid, made in this process."""
    asked = assignment(tmp_path_factory.mktemp("undisturbed"))
    for planned in asked.missing:
        run(Run(planned.config))
    return asked


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a test with processes of its own."""
    monkeypatch.setenv(MARK, tmp_path.name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def node() -> Iterator[slurm.OneNode]:
    """Slurm on this machine."""
    with slurm.one_node(cpus=4) as node, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(node.conf))
        yield node


def assignment(store: Path, workers: int = 2) -> Assignment:
    """The whole grid, to be made in ``store``."""
    planned = grid.load(WORDS[0], [*WORDS[1:], f"store='{store}'"])
    opened = Store(store)
    opened.open()
    return Assignment(planned, WORDS, list(planned.runs), opened, workers=workers)


def made(engine: Engine, asked: Assignment, harm: Callable[[Assignment], None]) -> None:
    """Have the grid made by ``engine``, and do ``harm`` once its first run is done."""
    engine.check()

    def later() -> None:
        while not list(asked.store.folder.glob("*/record.json")):
            time.sleep(0.02)
        harm(asked)

    thread = threading.Thread(target=later, daemon=True)
    thread.start()
    engine.make(asked)
    thread.join(30)
    assert not thread.is_alive()


def worker_of(asked: Assignment) -> int:
    """The process of one of the grid's workers."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"benchmark.worker" in words and os.fsencode(asked.store.folder) in words:
            return int(path.parent.name)
    raise AssertionError("no worker is there")


def left(mark: str) -> list[str]:
    """The commands of the processes that a test began and that are there still."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environment = (path / "environ").read_bytes().split(b"\0")
            if f"{MARK}={mark}".encode() in environment and path.name != str(os.getpid()):
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def assert_same(asked: Assignment, other: Assignment) -> None:
    """Each run of ``asked`` was made once, with the bits of ``other``, and no other file is left."""
    for planned in asked.missing:
        ours, theirs = asked.store.find(planned.run_id), other.store.find(planned.run_id)
        assert ours is not None
        assert theirs is not None
        assert (ours.scores, ours.curve, ours.config) == (theirs.scores, theirs.curve, theirs.config)
        arrays, others = asked.store.arrays(planned.run_id), other.store.arrays(planned.run_id)
        assert arrays.keys() == others.keys()
        for name, values in arrays.items():
            np.testing.assert_array_equal(values, others[name], err_msg=name)
    assert len(list(asked.store.folder.glob("*/record.json"))) == len(asked.missing)
    assert not (asked.store.folder / "failures").exists()


def assert_nothing_left(
    asked: Assignment, mark: str, kinds: Sequence[str] = ("leases", "workers", "unfinished")
) -> None:
    """All processes of a test end soon, and leave nothing of these ``kinds`` behind."""
    last = time.monotonic() + 60
    while left(mark) and time.monotonic() < last:
        time.sleep(0.2)
    assert left(mark) == []
    store = asked.store.folder
    kept = [path for name in kinds for path in (store / name).glob("*")]
    assert [str(path.relative_to(store)) for path in kept] == []


def queued_again(node: slurm.OneNode, job: str) -> str:
    """The state of a job, once it waits; it has a minute for that."""
    last = time.monotonic() + 60
    state = ""
    while state != "PENDING" and time.monotonic() < last:
        time.sleep(0.1)
        state = node.call("squeue", "--noheader", "--format=%T", "--jobs", job).stdout.strip()
    return state


@needs_ray
def test_a_grid_on_ray_is_made_though_a_process_of_ray_is_killed(
    cluster: None, undisturbed: Assignment, tmp_path: Path
) -> None:
    asked = assignment(tmp_path / "store")
    killed: list[int] = []

    def harm(asked: Assignment) -> None:
        status = Path(f"/proc/{worker_of(asked)}/status").read_text()
        killed.append(int(status.partition("PPid:")[2].split()[0]))
        os.kill(killed[0], signal.SIGKILL)

    made(RayCluster(), asked, harm)
    assert killed
    assert_same(asked, undisturbed)
    assert_nothing_left(asked, tmp_path.name)
    assert not (tmp_path / ".ray").exists()  # Ray's token


@pytest.mark.usefixtures("node")
class TestSlurm:
    """The tests with a real Slurm, started once."""

    pytestmark = needs_slurm

    def test_a_grid_is_made_though_the_time_of_a_job_is_over(
        self, cluster: None, node: slurm.OneNode, undisturbed: Assignment, tmp_path: Path
    ) -> None:
        asked = assignment(tmp_path / "store")
        seen: list[str] = []

        def harm(asked: Assignment) -> None:
            job = node.call("squeue", "--noheader", "--array", "--format=%i").stdout.split()[0]
            node.call("scancel", "--signal=USR2", "--full", job)
            seen.append(queued_again(node, job))

        made(SlurmCluster(), asked, harm)
        assert seen == ["PENDING"]
        assert_same(asked, undisturbed)
        assert_nothing_left(asked, tmp_path.name)
        assert node.call("squeue", "--noheader").stdout == ""

    def test_a_job_that_gives_way_to_another_goes_on_later(
        self, cluster: None, node: slurm.OneNode, undisturbed: Assignment, tmp_path: Path
    ) -> None:
        asked = assignment(tmp_path / "store", workers=1)
        seen: list[str] = []

        def harm(asked: Assignment) -> None:
            job = node.call("squeue", "--noheader", "--format=%A").stdout.strip()
            node.call("sbatch", "--output=/dev/null", "--partition=urgent", "--ntasks=4", "--wrap=sleep 1")
            seen.append(queued_again(node, job))
            seen.append(str(len(list(asked.store.folder.glob("*/record.json")))))
            node.call("scontrol", "update", f"jobid={job}", "starttime=now")  # it would wait for two minutes

        made(SlurmCluster(), asked, harm)
        assert seen[0] == "PENDING"
        assert int(seen[1]) < len(asked.missing)
        assert_same(asked, undisturbed)
        assert_nothing_left(asked, tmp_path.name)

    def test_ctrl_c_cancels_the_jobs(self, cluster: None, node: slurm.OneNode, tmp_path: Path) -> None:
        asked = assignment(tmp_path / "store", workers=1)
        before = {number: signal.getsignal(number) for number in (*stopping.SIGNALS, signal.SIGALRM)}
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
        stopping.hear()
        try:
            with pytest.raises(stopping.Stopped):
                made(SlurmCluster(), asked, lambda _: os.kill(os.getpid(), signal.SIGINT))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        assert node.call("squeue", "--noheader").stdout == ""
        # A run that was being trained has left its snapshot, to be continued from.
        assert_nothing_left(asked, tmp_path.name, ("leases", "workers"))

    def test_slurm_says_in_one_line_why_it_refuses(
        self, cluster: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(BenchmarkError, match="Invalid partition name specified") as refusal:
            SlurmCluster(partition="nope").make(assignment(tmp_path / "store"))
        assert "\n" not in str(refusal.value)
        assert capfd.readouterr().err == ""
        assert list((tmp_path / "store" / "logs").rglob("*.pkl")) == []
