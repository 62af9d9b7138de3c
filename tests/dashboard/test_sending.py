"""A dashboard's process ends in time, whatever W&B waits for."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from benchmark.dashboard import sending
from benchmark.errors import BenchmarkError

ADDRESSES = {"workspace": "https://here/one", "report": "https://here/two"}


def _answers_and_stays(shown: Any, tracker: Any, folder: Path, sender: Connection) -> None:
    sender.send(ADDRESSES)
    time.sleep(1000)


def _stays(shown: Any, tracker: Any, folder: Path, sender: Connection) -> None:
    time.sleep(1000)


def _dies(shown: Any, tracker: Any, folder: Path, sender: Connection) -> None:
    os._exit(3)


def told(monkeypatch: pytest.MonkeyPatch, answer: Any) -> dict[str, str]:
    monkeypatch.setattr(sending, "_answer", answer)
    monkeypatch.setattr(sending, "LEAVING", 0.1)
    return sending.sent(None, None, Path())  # type: ignore[arg-type]


def test_a_library_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, _answers_and_stays) == ADDRESSES


def test_no_answer_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ENDED", 0.1)
    with pytest.raises(BenchmarkError, match=r"W&B: no answer in 0\.1 s; the same command goes on from here"):
        told(monkeypatch, _stays)


def test_a_process_that_dies_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BenchmarkError, match="its process ended with exit status"):
        told(monkeypatch, _dies)
