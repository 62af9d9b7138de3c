"""Runs of a grid that other processes make: waited for, and taken when their makers are gone."""

from __future__ import annotations

import time
from collections import deque

from benchmark.engines.slots import Job
from benchmark.records.lease import Lease
from benchmark.runs.leased import EVERY, lease_of
from benchmark.runs.run import Run

AT_ONCE = 50  # leases looked at in one look


class Awaited:
    """The jobs whose runs other processes are making, each with its lease."""

    def __init__(self) -> None:
        self.jobs: deque[tuple[Job, Lease]] = deque()
        self.looked = 0.0

    def __len__(self) -> int:
        return len(self.jobs)

    def add(self, job: Job) -> None:
        """Wait for a run."""
        self.jobs.append((job, lease_of(Run(job.planned.config))))

    def free(self) -> list[Job]:
        """The jobs whose leases are free now: their runs are finished or were given up.

        Raises: StoreGoneError, BenchmarkError if the store cannot be written to.
        """
        if time.monotonic() - self.looked < EVERY:
            return []
        self.looked, freed = time.monotonic(), []
        for _ in range(min(len(self.jobs), AT_ONCE)):
            job, lease = self.jobs.popleft()
            if lease.take():
                lease.release()
                freed.append(job)
            else:
                self.jobs.append((job, lease))
        return freed
