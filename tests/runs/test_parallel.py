"""Pieces of work in several processes: every result, whatever the order, and the first error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from benchmark.config.compose import ROOT
from benchmark.errors import BenchmarkError
from benchmark.runs import parallel
from benchmark.runs.parallel import in_processes


def nothing() -> None:
    """Nothing to be done in a process before its work."""


class Squares:
    """Work that remembers, in each process, how many pieces it has done there."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, number: int) -> tuple[int, int, int]:
        if number < 0:
            raise BenchmarkError(f"{number}: no square")
        self.done += 1
        return number * number, os.getpid(), self.done


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "room", lambda threads, device: 2)


def test_every_piece_has_its_result_and_a_process_keeps_its_work() -> None:
    found = dict(in_processes(Squares(), range(20), [], nothing))
    assert {number: result[0] for number, result in found.items()} == {n: n * n for n in range(20)}
    of_processes: dict[int, list[int]] = {}
    for _, process, done in found.values():
        of_processes.setdefault(process, []).append(done)
    assert os.getpid() not in of_processes
    assert 1 <= len(of_processes) <= 2
    for counts in of_processes.values():
        assert sorted(counts) == list(range(1, len(counts) + 1))


def test_few_pieces_are_done_here() -> None:
    assert {result[1] for _, result in in_processes(Squares(), range(parallel.FEW), [], nothing)} == {
        os.getpid()
    }


def test_a_refusal_in_a_process_is_a_refusal_here() -> None:
    with pytest.raises(BenchmarkError, match="-1: no square"):
        list(in_processes(Squares(), [1, 2, -1, *range(3, 30)], [], nothing))


def test_a_process_is_started_once_a_killed_fork_server_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "SOON", 0.0)
    said = [EOFError(), ConnectionRefusedError(), ConnectionRefusedError(), None]
    process = Mock(start=Mock(side_effect=said))
    parallel.start(process)
    assert process.start.call_count == len(said)


FORKED = """
import multiprocessing, signal
from benchmark.runs.forking import FIRST

def ignored(pipe):
    pipe.send(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)

if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(FIRST)
    ours, theirs = context.Pipe()
    context.Process(target=ignored, args=(theirs,)).start()
    print(ours.recv(), signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def test_what_a_fork_server_forks_ignores_ctrl_c_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "forked.py").write_text(FORKED)
    done = subprocess.run(
        [sys.executable, tmp_path / "forked.py"],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("True True\n", "")
