"""Runs that failed for another worker of the grid: this one does not try them again."""

from __future__ import annotations

import os
import time
from collections import deque

from benchmark.engines.slots import Job
from benchmark.records.store import FAILURES, Store
from benchmark.runs.leased import EVERY


class GivenUp:
    """The runs that failed after the time ``since``, by the clock of the store's disk; None: from now on."""

    def __init__(self, store: Store, since: float | None = None) -> None:
        self.folder = store.folder / FAILURES
        self.earlier: set[str] = set()
        self.looked = float("-inf")
        self.failed: set[str] = set()
        self.earlier = {name for name, changed in self.files() if since is None or changed <= since}

    def files(self) -> list[tuple[str, float]]:
        """The failures that are new, with the times at which they were written."""
        try:
            with os.scandir(self.folder) as entries:
                return [
                    (file.name, file.stat().st_mtime) for file in entries if file.name not in self.earlier
                ]
        except FileNotFoundError:
            return []

    def take(self, waiting: deque[Job]) -> list[Job]:
        """Take these runs off ``waiting`` and return them, except those that were tried here."""
        if time.monotonic() - self.looked >= EVERY:
            self.looked = time.monotonic()
            self.failed = {name.rpartition("-")[0] for name, _ in self.files()}
        taken = [
            job for job in waiting if job.planned.run_id in self.failed and not (job.alone or job.crashes)
        ]
        for job in taken:
            waiting.remove(job)
        return taken
