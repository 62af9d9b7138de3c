"""Leases: they tell which process makes a run now, on all machines of a store.

    STORE/leases/RUN_ID     held while a process makes the run, and renewed by its heartbeat

A lease whose holder is gone is taken by another: at once if the holder was a process of this machine, else
when nobody renewed it for as long as the store's token says. A result does not depend on it: the first record
that is written stands.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from filelock import SoftFileLease, Timeout

from benchmark.errors import BenchmarkError
from benchmark.records import token

log = logging.getLogger(__name__)

LEASES = "leases"


class Lease:
    """The lease ``name`` in a folder of a store; keep the object as long as you wait for it or hold it.

    The object measures for how long the holder has not renewed the lease.
    """

    def __init__(self, store: Path, kind: str, name: str) -> None:
        self.store, self.path = store, store / kind / name
        self.file: SoftFileLease | None = None
        self.empty: tuple[tuple[int, int], float] | None = None  # an empty file, and when it was seen first

    def take(self) -> bool:
        """Take the lease if nobody holds it.

        Raises: StoreGoneError if the store is not there, BenchmarkError if it cannot be written to.
        """
        seconds = token.opened(self.store).lease  # read the token first: `acquire` would make missing folders
        try:
            self.path.parent.mkdir(exist_ok=True)
            if self.file is None:
                self.file = SoftFileLease(self.path, lease_duration=seconds, thread_local=False)
            self.file.acquire(blocking=False)
        except Timeout:
            self._clear(seconds)
            return False
        except OSError as error:
            raise BenchmarkError(
                f"store={self.store}: no lease could be taken ({error.strerror or error})"
            ) from error
        return True

    def _clear(self, seconds: float) -> None:
        """Remove the empty file of a process that was killed while taking the lease: nobody renews it."""
        assert self.file is not None
        try:
            status = self.path.stat()
        except OSError:
            return
        seen = status.st_ino, status.st_mtime_ns
        if status.st_size or self.empty is None or self.empty[0] != seen:
            self.empty = None if status.st_size else (seen, time.monotonic())
        elif time.monotonic() - self.empty[1] >= seconds:
            self.file.force_break()

    def owner(self) -> Any:
        """The holder as `filelock` tells it (host name, process, its start), or None."""
        return None if self.file is None else self.file.owner

    def holder(self) -> str:
        """The process that holds the lease, in words."""
        owner = self.owner()
        return "another process" if owner is None else f"process {owner.pid} of {owner.hostname}"

    def lost(self) -> bool:
        """True if another process may hold it now, although it was not released."""
        return self.file is not None and self.file.compromise is not None

    def release(self) -> None:
        """Give the lease back, if it is held."""
        if self.file is not None:
            try:
                self.file.release()
            except OSError as error:  # the store is gone, and the lease with it
                log.warning("%s: could not be given back (%s)", self.path, error)
