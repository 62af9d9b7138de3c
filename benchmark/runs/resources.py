"""Resources of the machine: cores for threads, and shares of GPUs for runs."""

from __future__ import annotations

import os

VISIBLE = "CUDA_VISIBLE_DEVICES"
GPU_SHARE = 24 << 30  # bytes: a large encoder with its moments, and batches of 32 by 128 tokens


def room(threads: int, device: str) -> int:
    """Number of runs at a time that the cores and the shares of GPUs allow.

    ``threads`` are those of one run; ``device`` is its configured device.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = max(1, cores // threads)
    return workers if device == "cpu" else min(workers, len(gpus(device)) or workers)


def gpus(device: str = "auto") -> list[str]:
    """Names in CUDA_VISIBLE_DEVICES of the GPUs that ``device`` allows; empty without a GPU.

    Each GPU is repeated once per share, in turns: every GPU is listed before one is listed again.
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
    """The GPU for each of ``workers``; None, without several GPUs, changes nothing for it."""
    several = len(set(names)) > 1
    return [names[worker % len(names)] if several else None for worker in range(workers)]
