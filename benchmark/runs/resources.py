"""What the machine has room for: cores for threads, and shares of GPUs for runs."""

from __future__ import annotations

import os

VISIBLE = "CUDA_VISIBLE_DEVICES"
GPU_SHARE = 24 << 30  # bytes: a large encoder with its moments, and batches of 32 by 128 tokens


def room(threads: int, device: str) -> int:
    """For how many runs at a time there are cores for their threads, and shares of the GPUs that ``device`` may be."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = max(1, cores // threads)
    return workers if device == "cpu" else min(workers, len(gpus(device)) or workers)


def gpus(device: str = "auto") -> list[str]:
    """The GPUs that ``device`` may be, by their names in CUDA_VISIBLE_DEVICES; none without a GPU.

    Each is there as often as it has shares, and all are before any is again.
    """
    import torch

    count, (_, _, number) = torch.cuda.device_count(), device.partition(":")
    visible = os.environ.get(VISIBLE)
    names = [str(one) for one in range(count)] if visible is None else visible.split(",")[:count]
    meant = [one for one in range(count) if number in ("", str(one))]
    shares = {one: max(1, torch.cuda.get_device_properties(one).total_memory // GPU_SHARE) for one in meant}
    turns = range(max(shares.values(), default=0))
    return [names[one] for turn in turns for one in meant if turn < shares[one]]


def spread(workers: int, names: list[str]) -> list[str | None]:
    """For each of ``workers`` at a time the one of several GPUs that it sees; None leaves it what it sees."""
    several = len(set(names)) > 1
    return [names[worker % len(names)] if several else None for worker in range(workers)]
