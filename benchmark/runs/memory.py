"""How much memory a fine-tuning takes, at its highest; and keeping it while it goes on."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

import torch

PROCESS = Path("/proc/self")
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # of mallopt


class PeakMemory:
    """The peak of a run's memory in bytes: made before its model is loaded, asked after its last update.

    On a GPU it is what tensors take there. On a CPU it is by how much the whole process grew, which holds
    libraries and freed memory as well: a tiny model drowns in it. None where the system does not tell.
    """

    def __init__(self, device: torch.device) -> None:
        give_back()  # what earlier runs of this process have freed is not this one's
        self.device = device
        self.before = 0 if device.type == "cuda" else _resident("VmRSS")
        self.forgotten = False

    def forget(self) -> None:
        """Leave out the peak so far: loading a model may need more than training it."""
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
            return torch.cuda.max_memory_allocated(self.device)
        highest = _resident("VmHWM")
        if self.before is None or highest is None or not self.forgotten:
            return None
        return max(0, highest - self.before)


def keep() -> None:
    """Let glibc keep what tensors free: giving pages back and faulting them in again at every step is slow."""
    with contextlib.suppress(OSError, AttributeError):  # another C library knows no mallopt
        libc = ctypes.CDLL(None)
        libc.mallopt(MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(TRIM_THRESHOLD, (1 << 31) - 1)


def give_back() -> None:
    """Return to the system what glibc has kept."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _resident(entry: str) -> int | None:
    """An entry of the process's status in bytes."""
    try:
        lines = (PROCESS / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{entry}:"))
    except (OSError, StopIteration, ValueError):
        return None
