"""A grid of very many runs takes no more of its command than a small one, and is planned as fast, run by run."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.config.compose import ROOT, run_config
from benchmark.config.identity import run_id
from benchmark.engines import given_up, machine
from benchmark.engines.given_up import GivenUp
from benchmark.engines.grid_progress import GridProgress
from benchmark.engines.slots import Job
from benchmark.grids import fragments, grid, parts
from benchmark.grids.grid import PlannedRun
from benchmark.records import failed
from benchmark.records.record import Failure
from benchmark.records.store import Store
from helpers.records import CONFIG, RECORD

FEW = 4  # runs, after which each of two workers has ended its first
QUICK = ("task=opinion", "data.count=16", "protocol.batch_size=16", "protocol.epochs=1")
CACHE = f"cache='{ROOT / '.cache'}'"
SWEEP = """# @package _global_
defaults: [override /protocol: demo]
hydra:
  mode: MULTIRUN
  sweeper: {{params: {{model: embedded, task: opinion, method: "[noisytune]", {axis}, seed: "1"}}}}
table: {{title: Many}}
"""


LOSING = """
from dataclasses import dataclass

from benchmark.methods import Method


@dataclass
class Losing(Method):
    def attach(self, model, context):
        raise RuntimeError("lost its way")
"""


def losing(planned: PlannedRun) -> PlannedRun:
    """The run with a method that raises, which ends its worker."""
    config = replace(planned.config, method={"losing": {"_target_": "untrustworthy.Losing"}})
    return replace(planned, config=config, run_id=run_id(config))


def state(pid: str) -> tuple[str, int]:
    """The letter of a process's state, and its parent."""
    try:
        letter, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return "X", 0
    return letter, int(parent)


def held() -> dict[str, int]:
    """Descriptors and threads of this process, and dead processes among its descendants."""
    states = {int(pid): state(pid) for pid in os.listdir("/proc") if pid.isdigit()}
    ours, before = {os.getpid()}, 0
    while len(ours) > before:
        before = len(ours)
        ours |= {pid for pid, (_, parent) in states.items() if parent in ours}
    dead = sum(states[pid][0] == "Z" for pid in ours if pid in states)
    return {"fds": len(os.listdir("/proc/self/fd")), "threads": threading.active_count(), "dead": dead}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")
@pytest.mark.parametrize("fails", [False, True], ids=["one worker makes many", "each ends its worker"])
def test_three_times_the_runs_hold_no_more(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    store.open()
    changes = [*QUICK, CACHE, "method=[]", f"seed=range(1,{3 * FEW + 1})", f"store='{store.folder}'"]
    runs = grid.load("demo/noisytune", changes).runs
    if fails:
        (tmp_path / "untrustworthy.py").write_text(LOSING)
        monkeypatch.syspath_prepend(tmp_path)
        runs = [losing(run) for run in runs]
    seen = {}

    def finished(progress: GridProgress, planned: PlannedRun) -> None:
        count(progress, planned)
        seen[progress.done] = held()

    count: Callable[[GridProgress, PlannedRun], None] = GridProgress.finished
    monkeypatch.setattr(GridProgress, "finished", finished)
    assert len(machine.run_all(runs, store, workers=1)) == (3 * FEW if fails else 0)
    assert len(store.failures_of(run.run_id for run in runs)) == (3 * FEW if fails else 0)  # none was refused
    assert seen[FEW] == seen[3 * FEW]


def planned(folder: Path, axis: str) -> list[PlannedRun]:
    """The runs of a table of one's own, in a folder on the search path."""
    path = folder / "sweeps" / "many.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SWEEP.format(axis=axis))
    return grid.load("many", [f"hydra.searchpath=['file://{folder}']"]).runs


def test_a_value_costs_a_fraction_of_a_composition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned(tmp_path, "method.noisytune.intensity: 0.5")  # what all such tables share
    composed: list[tuple[str, ...]] = []
    compose = parts._composed

    def counted(*words: str) -> fragments.Tree:
        composed.append(words)
        return compose(*words)

    monkeypatch.setattr(parts, "_composed", counted)
    search = f"hydra.searchpath=['file://{tmp_path}']"
    began = time.process_time()
    with grid.composing():
        compose(search)
    once = time.process_time() - began
    began = time.process_time()
    runs = planned(tmp_path, "method.noisytune.intensity: 'range(0.01,1.005,0.01)'")
    assert len(runs) == 100
    assert not composed  # a value needs none
    taken = time.process_time() - began
    assert runs[7].config == run_config(search, *runs[7].overrides)
    assert taken < 100 * once / 4


def failures(folder: Path, count: int) -> list[str]:
    """The ids of so many runs that failed."""
    store = Store(folder)
    store.open()
    ids = [f"{number:016x}" for number in range(count)]
    for name in ids:
        store.add_failure(Failure(name, "error", "lost its way", "", CONFIG, "", RECORD.finished))
    return ids


def test_failures_of_all_runs_take_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = failures(tmp_path, 20)
    looks = []

    def names(folder: Path) -> list[str]:
        looks.append(folder)
        return os.listdir(folder)

    monkeypatch.setattr(failed, "_names", names)
    assert sorted(Store(tmp_path).failures_of([*ids, "f" * 16])) == ids
    assert len(looks) == 1


def test_waiting_runs_are_looked_through_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = grid.load("demo/noisytune", [*QUICK, "method=[]", "seed=1", f"store='{tmp_path}'"]).runs
    monkeypatch.setattr(given_up, "EVERY", 1000.0)
    Store(tmp_path).open()
    others = GivenUp(Store(tmp_path))
    waiting = deque(map(Job, runs))
    assert not others.take(waiting)
    Store(tmp_path).add_failure(
        Failure(runs[0].run_id, "error", "lost its way", "", CONFIG, "", RECORD.finished)
    )
    assert not others.take(waiting)  # it looked a moment ago
    assert others.take(waiting, now=True) == [Job(runs[0])]
    assert len(waiting) == len(runs) - 1
