"""The pipe to the process of W&B is never waited for, and that process tells every step once."""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark.runs.wandb_pipe import Pipe, WandBError
from benchmark.runs.wandb_process import Telling


def test_a_pipe_without_room_is_not_waited_for() -> None:
    pipe = Pipe()
    os.kill(pipe.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    for step in range(5000):
        pipe.offer({"lines": [[step, {"loss": 0.5, "validation/accuracy": 0.5}]]})
    assert time.monotonic() - started < 2.0
    assert 0 < pipe.dropped < 5000
    with pytest.raises(WandBError, match="does not answer"):
        pipe.ask({"known": {}}, 0.2)
    pipe.close(0.2)
    assert pipe.process.returncode == -signal.SIGKILL


def test_a_step_that_was_told_is_not_told_again() -> None:
    told, answers = list[int](), list[dict[str, Any]]()
    telling = Telling(None, answers.append)
    telling.run = SimpleNamespace(
        id="e5f6a7b8", config={}, summary={}, finish=lambda: None, log=lambda _, step: told.append(step)
    )
    telling.run.config = SimpleNamespace(update=lambda *_, **__: None)
    telling.last = 6  # of a run that goes on: the server has these
    lines = [[step, {"loss": 0.5}] for step in range(1, 12)]
    telling.do_lines(lines[:9])
    telling.do_close({"lines": lines, "config": {}, "summary": {}})
    assert told == [7, 8, 9, 10, 11]
    assert answers == [{"closed": "e5f6a7b8"}]
