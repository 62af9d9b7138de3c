"""A grid has its runs on GPUs only if CUDA starts there, which a process of its own tries first."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmark.engines import machine
from benchmark.engines.machine import fault_of_cuda, places
from benchmark.engines.slots import Slots
from benchmark.errors import BenchmarkError
from benchmark.runs import device

FORK = multiprocessing.get_context("fork")  # what is patched here is patched in its processes
MPS = {"CUDA_MPS_PIPE_DIRECTORY": "/tmp/pipe"}
OLD = "CUDA 13.0 .*: The NVIDIA driver on your system is too old"


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], bool]], None]:
    """``starts(where)``: a machine that says it has two GPUs, and where CUDA starts if ``where()``."""

    def there(where: Callable[[], bool]) -> None:
        def init() -> None:
            raise RuntimeError("The NVIDIA driver on your system is too old (found version 12020).")

        @contextmanager
        def mps() -> Iterator[dict[str, str]]:
            yield MPS

        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(device, "unusable_driver", lambda: None)
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(torch.cuda, "is_available", where)
        monkeypatch.setattr(torch.cuda, "init", init)
        monkeypatch.setattr(machine, "mps", mps)

    return there


def on(name: str, workers: int) -> list[Slots]:
    runs: Any = [SimpleNamespace(config=SimpleNamespace(device=name))]
    with places(FORK, runs, workers) as found:
        return found


def test_a_grid_for_the_gpu_is_refused_once_if_cuda_does_not_start(starts: Any) -> None:
    starts(lambda: False)
    with pytest.raises(BenchmarkError, match=f"device=cuda:1: not available here .{OLD}"):
        on("cuda:1", 4)


def test_a_grid_for_any_device_is_on_the_cores_if_cuda_does_not_start(
    starts: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    starts(lambda: False)
    (cores,) = on("auto", 4)
    assert (cores.most, cores.gpu) == (4, None)
    assert cores.environment == {"CUDA_VISIBLE_DEVICES": ""}
    (line,) = caplog.messages
    assert line.endswith("(found version 12020); device=auto is the CPU")
    assert capsys.readouterr().err == ""  # nothing of GPUs


def test_a_grid_takes_turns_if_cuda_does_not_start_with_mps(
    starts: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    starts(lambda: "CUDA_MPS_PIPE_DIRECTORY" not in os.environ)
    found = on("auto", 4)
    assert [slots.environment for slots in found] == [{"CUDA_VISIBLE_DEVICES": name} for name in "01"]
    (line,) = caplog.messages
    assert line.startswith("CUDA does not start with MPS, so it is not used: CUDA 13.0")
    assert "taking turns (no CUDA MPS)" in capsys.readouterr().err


def test_a_grid_is_side_by_side_if_cuda_starts_with_mps(
    starts: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    starts(lambda: True)
    assert [slots.environment for slots in on("cuda", 4)] == [MPS | {"CUDA_VISIBLE_DEVICES": n} for n in "01"]
    assert "side by side (CUDA MPS)" in capsys.readouterr().err
    assert caplog.messages == []


def test_a_grid_for_the_cores_tries_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "fault_of_cuda", lambda *_: pytest.fail("tried"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert [slots.gpu for name in ("cpu", "auto") for slots in on(name, 4)] == [None, None]


def test_a_process_that_cuda_ends_is_a_fault_too(starts: Any) -> None:
    starts(lambda: os._exit(9))
    assert fault_of_cuda(FORK, {}) == "a process that starts CUDA ends with status 9"


def test_a_process_that_finds_no_gpu_says_so(starts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    starts(lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert fault_of_cuda(FORK, {}) == "No CUDA GPUs are available"
