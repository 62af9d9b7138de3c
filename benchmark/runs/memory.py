"""The peak memory of a fine-tuning, and glibc keeping freed memory while it goes on."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from pathlib import Path

import torch

from benchmark.training.captures import damaged

PROCESS = Path("/proc/self")
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # parameters of mallopt


class PeakMemory:
    """The peak of a run's memory in bytes, from loading to the last update.

    On a GPU it is the memory of the run's tensors. On a CPU it is the growth of the whole process, which
    includes libraries and freed memory: for a tiny model it says little. None if the system does not tell it.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        cuda = device.type == "cuda"
        # Memory that earlier runs of this process freed does not belong to this run
        if cuda:
            release()  # torch keeps it, and the driver tells that it is not free
        else:
            give_back()
        self.before = torch.cuda.memory_allocated(device) if cuda else resident("VmRSS")
        self.forgotten = False

    def forget(self) -> None:
        """Reset the peak: loading a model may need more than training it."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            return
        give_back()
        try:
            (PROCESS / "clear_refs").write_text("5")  # VmHWM begins anew
        except OSError:
            return
        self.forgotten = True

    def peak(self) -> int | None:
        """Bytes, or None."""
        if self.device.type == "cuda":
            return max(0, torch.cuda.max_memory_allocated(self.device) - (self.before or 0))
        highest = resident("VmHWM")
        if self.before is None or highest is None or not self.forgotten:
            return None
        return max(0, highest - self.before)

    def reserved(self) -> int | None:
        """The most GPU memory that the process reserved for tensors, in bytes; None on a CPU."""
        return torch.cuda.max_memory_reserved(self.device) if self.device.type == "cuda" else None


def keep() -> None:
    """Let glibc keep the memory that tensors free: getting pages again in every step is slow."""
    with contextlib.suppress(OSError, AttributeError):  # another C library knows no mallopt
        libc = ctypes.CDLL(None)
        libc.mallopt(MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(TRIM_THRESHOLD, (1 << 31) - 1)


def give_back() -> None:
    """Return the memory that glibc has kept to the system."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def release() -> int | None:
    """Free all memory of a finished run; return the bytes that the process still has, GPU memory included.

    None if the process cannot be used for another run: it has lost the GPU, or a capture failed in it.
    """
    gc.collect()  # a cycle would keep tensors
    kept = 0
    if torch.cuda.is_initialized():
        try:
            torch._C._cuda_clearCublasWorkspaces()  # one for every stream that ever multiplied
            torch.cuda.empty_cache()
            kept = torch.cuda.memory_allocated()
        except RuntimeError:  # once the GPU is lost, every call raises the error that the run had
            return None
    give_back()
    return None if damaged() else kept + (resident("RssAnon") or 0)


def resident(entry: str) -> int | None:
    """An entry of the process's status in bytes."""
    try:
        lines = (PROCESS / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{entry}:"))
    except (OSError, StopIteration, ValueError):
        return None
