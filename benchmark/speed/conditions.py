"""What all sides of a measurement share: the device, its precision, the threads of the host; and the clock."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import torch

from benchmark.errors import BenchmarkError
from benchmark.runs import memory
from benchmark.runs.resources import VISIBLE
from benchmark.runs.run import choose_device, keep_quiet, make_reproducible

# How far apart rounding may drive the losses of the same updates. Over 60 updates on a CPU it is 3e-7 and 4e-4 in
# float32 and bfloat16; a GPU has other kernels for either side, and TF32 rounds less than bfloat16.
TOLERANCE = {"float32": 5e-4, "tf32": 2e-3, "bfloat16": 5e-3}


@dataclass(frozen=True)
class Conditions:
    """``threads`` are those of a run alone, on the host; ``replay`` is a run's: captured where possible, or False."""

    device: torch.device
    precision: str
    threads: int
    replay: bool | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether the device works on while the host goes on, and runs share it."""
        return self.device.type == "cuda"

    @property
    def tolerance(self) -> float:
        """How far the losses of sides that make the same updates may be apart."""
        return TOLERANCE[self.precision]

    def now(self) -> float:
        """The time in seconds, once the device has done all that it was asked for."""
        if self.on_gpu:
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def take_effect(self) -> None:
        """Make this process compute under them, as a run's does."""
        keep_quiet()
        memory.keep()
        make_reproducible(self.threads, self.precision)


def conditions(device: str, precision: str, threads: int, replay: bool | None = None) -> Conditions:
    """The conditions on a device by name: ``auto`` (the GPU when there is one), ``cpu``, ``cuda`` or ``cuda:1``.

    From here on the process, and those it starts, see one GPU at most. Raises: BenchmarkError for a device
    that is not there, or for what it does not have.
    """
    kind, _, number = device.partition(":")
    if kind != "cpu":
        # Trainer takes the first GPU it sees, and spreads batches over all.
        os.environ[VISIBLE] = one_of(os.environ.get(VISIBLE), int(number or 0))
    try:
        chosen = choose_device(kind)
    except BenchmarkError as error:
        raise BenchmarkError(f"--device {device}: {error}") from error
    if precision == "tf32" and chosen.type == "cpu":
        raise BenchmarkError("--precision tf32: a CPU has no TF32, only float32 and bfloat16")
    return Conditions(chosen, precision, threads, replay)


def one_of(visible: str | None, number: int) -> str:
    """The value of CUDA_VISIBLE_DEVICES that leaves GPU ``number`` of those ``visible`` (None: all); '' if none."""
    if visible is None:
        return str(number)
    return dict(enumerate(visible.split(","))).get(number, "")
