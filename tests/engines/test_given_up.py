"""A run that failed for one worker of a grid is not tried by each of the others."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.engines import given_up
from benchmark.engines.given_up import GivenUp
from benchmark.engines.grid_work import GridWork
from benchmark.engines.slots import Job
from benchmark.engines.stamp import check_stamp, leave_stamp
from benchmark.grids.grid import PlannedRun
from benchmark.records.record import Failure
from benchmark.records.store import Store
from helpers import grids


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(given_up, "EVERY", 0.0)
    store = Store(tmp_path / "store")
    store.open()
    return store


@pytest.fixture
def runs(store: Store) -> list[PlannedRun]:
    planned = grids.load("demo/noisytune", "task=opinion", "method=[]", "seed=1,2", f"store='{store.folder}'")
    return list(planned.runs)


def fail(store: Store, planned: PlannedRun, when: float | None = None) -> None:
    path = store.add_failure(Failure(planned.run_id, "error", "lost its way", "", {}, "", ""))
    if when is not None:
        os.utime(path, (when, when))


def jobs(runs: list[PlannedRun]) -> deque[Job]:
    return deque(Job(planned) for planned in runs)


def test_a_run_that_failed_meanwhile_is_given_up(store: Store, runs: list[PlannedRun]) -> None:
    fail(store, runs[0])
    others, waiting = GivenUp(store), jobs(runs)
    assert others.take(waiting) == []  # it failed before the command
    fail(store, runs[0])
    assert others.take(waiting) == [Job(runs[0])]
    assert waiting == jobs(runs[1:])


def test_a_worker_that_comes_later_counts_from_the_beginning_of_the_grid(
    store: Store, runs: list[PlannedRun]
) -> None:
    for planned, when in zip(runs, (1000.0, 3000.0), strict=True):
        fail(store, planned, when)
    assert GivenUp(store, since=2000.0).take(jobs(runs)) == [Job(runs[1])]


def test_a_run_that_is_tried_again_here_goes_on(store: Store, runs: list[PlannedRun]) -> None:
    others = GivenUp(store)
    fail(store, runs[0])
    fail(store, runs[1])
    assert others.take(deque([Job(runs[0], alone=True), Job(runs[1], crashes=1)])) == []


def test_the_launcher_hands_no_such_run_out(store: Store, runs: list[PlannedRun]) -> None:
    handed: list[Job] = []

    def hand_out(waiting: deque[Job]) -> None:
        handed.extend(waiting)
        waiting.clear()

    pool = SimpleNamespace(busy={}, hand_out=hand_out)
    ended: list[PlannedRun] = []
    work = GridWork(pool, store, jobs(runs), ended.append)  # type: ignore[arg-type]
    fail(store, runs[1])
    assert not work.go_on()
    assert handed == [Job(runs[0])]
    assert work.failed == ended == [runs[1]]


def test_the_stamp_tells_when_a_grid_was_begun_last(store: Store, runs: list[PlannedRun]) -> None:
    planned = grids.load("demo/noisytune", "task=opinion", "method=[]", "seed=1,2", f"store='{store.folder}'")
    name = leave_stamp(planned, store)
    path = store.folder / "stamps" / f"{name}.json"
    os.utime(path, (1000.0, 1000.0))
    assert check_stamp(planned, store, name) == 1000.0
    assert leave_stamp(replace(planned), store) == name
    assert check_stamp(planned, store, name) > 1000.0
