"""Conditions shared by all sides of a measurement: device, precision, host threads and clock."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import torch

from benchmark.errors import BenchmarkError
from benchmark.runs import memory
from benchmark.runs.device import choose_device, keep_quiet, make_reproducible
from benchmark.runs.resources import VISIBLE

# Largest difference that rounding may cause between losses of the same updates. Measured over 60 updates on a
# CPU: 3e-7 in float32, 4e-4 in bfloat16. The limits are wider, because on a GPU the sides use different
# kernels. TF32 rounds less than bfloat16.
TOLERANCE = {"float32": 5e-4, "tf32": 2e-3, "bfloat16": 5e-3}


@dataclass(frozen=True)
class Conditions:
    """The conditions of a measurement.

    ``threads``: host threads of a run alone. ``replay``: as in a run's configuration; None: updates are
    captured if possible, False: never.
    """

    device: torch.device
    precision: str
    threads: int
    replay: bool | None = None

    @property
    def on_gpu(self) -> bool:
        """True on a GPU: it works asynchronously, and runs share it."""
        return self.device.type == "cuda"

    @property
    def tolerance(self) -> float:
        """Largest allowed difference between the losses of sides with the same updates."""
        return TOLERANCE[self.precision]

    def now(self) -> float:
        """The time in seconds, after waiting for all work on the device."""
        if self.on_gpu:
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def take_effect(self) -> None:
        """Set this process up as a run's process, under these conditions."""
        keep_quiet()
        memory.keep()
        make_reproducible(self.threads, self.precision)


def conditions(device: str, precision: str, threads: int, replay: bool | None = None) -> Conditions:
    """The conditions on a device by name; restricts the process to one GPU.

    ``device`` is ``auto`` (the GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``. This process and its
    children see at most one GPU from here on. Raises: BenchmarkError for a device that is not available, or
    for a precision that it does not have.
    """
    kind, _, number = device.partition(":")
    if kind != "cpu":
        # Trainer takes the first visible GPU, and spreads batches over all visible ones.
        os.environ[VISIBLE] = visible_gpu(os.environ.get(VISIBLE), int(number or 0))
    try:
        chosen = choose_device(kind)
    except BenchmarkError as error:
        raise BenchmarkError(f"--device {device}: {error}") from error
    if precision == "tf32" and chosen.type == "cpu":
        raise BenchmarkError("--precision tf32: a CPU has no TF32, only float32 and bfloat16")
    return Conditions(chosen, precision, threads, replay)


def visible_gpu(visible: str | None, number: int) -> str:
    """The value of CUDA_VISIBLE_DEVICES for GPU ``number`` of the ``visible`` ones.

    ``visible`` is the current value; None: all are visible. Empty if there is no such GPU.
    """
    if visible is None:
        return str(number)
    return dict(enumerate(visible.split(","))).get(number, "")
