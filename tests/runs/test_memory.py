"""The peak of a run's memory: what is counted, what is not, and where nothing can be said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmark.runs import memory
from benchmark.runs.memory import PeakMemory

CPU = torch.device("cpu")
BYTES = 200_000_000


def fill() -> None:
    """Take ``BYTES`` and give them back."""
    torch.ones(BYTES // 4)


@pytest.fixture
def linux() -> None:
    try:
        (memory.PROCESS / "clear_refs").write_text("5")
    except OSError:
        pytest.skip("this system cannot begin a process's peak of memory anew: nothing to measure")


def test_memory_that_was_taken_and_given_back_counts(linux: None) -> None:
    watch = PeakMemory(CPU)
    watch.forget()
    fill()
    peak = watch.peak()
    assert peak is not None
    assert 0.9 * BYTES < peak < 2 * BYTES


def test_a_peak_while_the_model_is_loaded_does_not_count(linux: None) -> None:
    watch = PeakMemory(CPU)
    fill()
    watch.forget()
    peak = watch.peak()
    assert peak is not None
    assert peak < 0.5 * BYTES


def test_what_is_there_before_training_counts(linux: None) -> None:
    watch = PeakMemory(CPU)
    model = torch.ones(BYTES // 4)
    watch.forget()
    peak = watch.peak()
    assert model.sum() > 0
    assert peak is not None
    assert peak > 0.9 * BYTES


def test_a_system_that_does_not_tell_gives_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PROCESS", tmp_path / "proc")
    watch = PeakMemory(CPU)
    watch.forget()
    assert watch.peak() is None
