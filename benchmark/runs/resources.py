"""The machine's room for runs: cores for threads, and GPUs."""

from __future__ import annotations

import os
import platform
from functools import cache

VISIBLE = "CUDA_VISIBLE_DEVICES"
ANY_GPU = ("auto", "cuda")  # devices that do not name a single GPU
MOST = 8  # runs at a time on one GPU: chosen to limit host memory, not measured


def room(threads: int, device: str) -> int:
    """The number of runs at a time that cores, and GPUs of ``device``, allow."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = max(1, cores // threads)
    return workers if device == "cpu" else min(workers, MOST * len(gpus(device)) or workers)


def gpus(device: str = "auto") -> list[str]:
    """The GPUs that ``device`` may be, by their names in CUDA_VISIBLE_DEVICES; none without a GPU."""
    import torch

    count, number = torch.cuda.device_count(), device.partition(":")[2]
    visible = os.environ.get(VISIBLE)
    names = [str(index) for index in range(count)] if visible is None else visible.split(",")[:count]
    return [name for index, name in enumerate(names) if number in ("", str(index))]


@cache
def processor() -> str:
    """The name of this machine's processor, as records have it."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
