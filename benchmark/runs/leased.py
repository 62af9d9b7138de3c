"""A run that no other process makes: its lease, taken before it begins."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmark.records import workers
from benchmark.records.lease import LEASES, Lease
from benchmark.runs.request import Run

log = logging.getLogger(__name__)

EVERY = 0.5  # seconds between two looks at a lease that is waited for


class ElsewhereError(Exception):
    """Another process makes the run now."""


@contextmanager
def leased(this: Run, wait: bool) -> Iterator[Lease]:
    """Hold the lease of a run in the block; if another process has it, ``wait`` and say so.

    Raises: ElsewhereError in place of waiting, BenchmarkError if the store cannot be written to.
    """
    with workers.present(this.store.folder):
        lease = lease_of(this)
        told = False
        while not lease.take():
            if not wait:
                raise ElsewhereError(lease.holder())
            if not told:
                log.warning("%s: %s makes it now; waiting for it", this.id, lease.holder())
                told = True
            time.sleep(EVERY)
        try:
            yield lease
        finally:
            lease.release()


def lease_of(this: Run) -> Lease:
    """The lease of a run in its store."""
    return Lease(this.store.folder, LEASES, this.id)
