"""What a machine lacks is refused before a grid's first run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.runs import early
from benchmark.runs.early import check_grid, check_machine

Compose = Callable[..., RunConfig]


@pytest.mark.parametrize("threads", [2, 100000, 2147483648])
def test_more_threads_than_cores_are_refused(
    threads: int, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with pytest.raises(BenchmarkError, match=f"threads={threads}: at most 1, the cores of this machine"):
        check_machine(compose(f"threads={threads}"))
    check_machine(compose("threads=1"))


@pytest.mark.parametrize("device", ["cuda:99", "mps"])
def test_a_device_that_is_not_here_is_refused(device: str, compose: Compose) -> None:
    with pytest.raises(BenchmarkError, match=f"device={device}: not available here"):
        check_machine(compose(f"device={device}"))
    check_machine(compose("device=auto"))
    check_machine(compose("device=cpu"))


def test_updates_are_replayed_on_a_gpu_alone(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device in ("auto", "cpu"):
        with pytest.raises(BenchmarkError, match=f"replay=true needs a GPU.*device={device}"):
            check_machine(compose("replay=true", f"device={device}"))
    check_machine(compose("replay=false"))


def test_runs_of_other_machines_are_checked_for_their_configuration_alone(
    compose: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looked: list[RunConfig] = []
    monkeypatch.setattr(early, "check_data", looked.extend)
    grid = [compose("seed=1"), compose("seed=2", "threads=100000")]
    check_grid(grid, here=False)
    assert not (tmp_path / "store").exists()
    with pytest.raises(BenchmarkError, match="threads=100000"):
        check_grid(grid)
    assert looked == []
    check_grid(grid[:1])
    assert looked == grid[:1]
