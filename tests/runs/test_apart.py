"""Work in a process of its own: its progress is heard here, and so is its end."""

from __future__ import annotations

import multiprocessing
import os

from benchmark.progress import hearer
from benchmark.runs.apart import Ended, done_apart

FORK = multiprocessing.get_context("fork")


def counted(total: int) -> int:
    for done in range(total):
        hearer()("things", done + 1, total)
    return os.getpid()


def killed() -> None:
    hearer()("things", 1, 9)
    os.kill(os.getpid(), 9)


def test_progress_and_result_of_another_process_arrive_here():
    told: list[tuple[str, int, int]] = []
    ended = done_apart(FORK, lambda *now: told.append(now), counted, 3)
    assert told == [("things", 1, 3), ("things", 2, 3), ("things", 3, 3)]
    assert ended.status == 0
    assert ended.result not in (None, os.getpid())


def test_a_process_that_dies_has_a_status_and_no_result():
    told: list[tuple[str, int, int]] = []
    assert done_apart(FORK, lambda *now: told.append(now), killed) == Ended(-9)
    assert told == [("things", 1, 9)]
