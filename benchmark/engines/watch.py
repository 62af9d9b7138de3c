"""Watching of a grid that other processes make: only the store tells what became of a run."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from pathlib import Path

from benchmark.engines.base import Assignment
from benchmark.engines.grid_progress import GridProgress
from benchmark.errors import BenchmarkError
from benchmark.printable import printable
from benchmark.records.store import FAILURES
from benchmark.runs.hits import Hits

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between two looks; more where a look takes long
SHARE = 0.05  # the largest share of the time that is spent on looks
REFUSAL = "error: "
NOT_PASSED_ON = re.compile(  # a worker's own progress, and messages on workers that we ended ourselves
    r"\d+/\d+ runs, |stopped by |submitit (INFO|WARNING) |srun: .*(Exited with|Terminated)|"
    r"slurmstepd\S* error: \*\*\* (STEP|JOB) .* (FAILED \(non-zero|CANCELLED AT)"
)


class Watch:
    """The missing runs of a grid, and the output of its workers in ``logs``."""

    def __init__(self, asked: Assignment, logs: Path, workers: int = 1) -> None:
        self.store, self.hits = asked.store, Hits(asked.store)
        self.missing = {run.run_id: run for run in asked.missing}
        self.progress = GridProgress(
            len(self.missing), workers, store=asked.store.folder, table=asked.grid.name
        )
        self.earlier = self._failures()
        self.failed: set[str] = set()
        self.logs = Logs(logs)
        self.next = 0.0

    def look(self, workers: int) -> None:
        """Look at the store, pass lines on and show the progress.

        It is called often and does so every few seconds.
        """
        began = time.monotonic()
        if began < self.next:
            return
        self.store.wait_until_there()
        present = set(os.listdir(self.store.folder))  # one listing for all missing runs
        for run_id in self.missing.keys() & present:
            run = self.missing[run_id]
            if self.hits.find(run.config, run_id) is not None:
                del self.missing[run_id]
                self.progress.finished(run)
        failed = {name.rpartition("-")[0] for name in self._failures() - self.earlier}
        self.failed = failed & self.missing.keys()
        self.logs.pass_on(refusals=workers > 0)
        self.progress.workers = workers
        self.progress.show(min(workers, len(self.missing)), len(self.failed))
        self.next = time.monotonic() + max(EVERY, (time.monotonic() - began) / SHARE)

    def close(self, lost: str = "") -> None:
        """Look for the last time, after all workers have ended; ``lost`` is why the last one was lost.

        Raises: BenchmarkError if they made nothing and nothing failed.
        """
        if self.missing:
            self.next = 0.0
            self.look(0)
        self.progress.close()
        if not self.missing.keys() - self.failed:
            return
        silent = lost or f"they said nothing; do all machines see {self.logs.folder}?"
        why = f"{self.logs.error} (all they said: {self.logs.folder})" if self.logs.error else silent
        line = f"no worker is left, and {len(self.missing)} runs are missing: {why}"
        if len(self.missing) == self.progress.total and not self.failed:
            raise BenchmarkError(line)
        log.warning("%s", line)

    def _failures(self) -> set[str]:
        try:
            return set(os.listdir(self.store.folder / FAILURES))
        except FileNotFoundError:
            return set()


class Logs:
    """The lines that workers add to the ``*.err`` files of ``folder``, each passed on once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Output of earlier commands is skipped
        self.read = {path: path.stat().st_size for path in folder.glob("*.err")}
        self.said: set[str] = set()
        self.refusals: list[str] = []  # not shown yet
        self.error = ""  # the last refusal

    def pass_on(self, refusals: bool) -> None:
        """Show the new lines; those of workers that were refused only if ``refusals``."""
        for path in sorted(self.folder.glob("*.err")):
            with path.open("rb") as file:
                file.seek(self.read.get(path, 0))
                whole, end, _ = file.read().rpartition(b"\n")
            self.read[path] = self.read.get(path, 0) + len(whole) + len(end)
            for line in dict.fromkeys(whole.decode(errors="replace").splitlines()):
                if line and line not in self.said and not NOT_PASSED_ON.match(line):
                    self.said.add(line)
                    if line.startswith(REFUSAL):
                        self.error = line.removeprefix(REFUSAL)
                        self.refusals.append(self.error)
                    else:
                        print(printable(line), file=sys.stderr, flush=True)
        while refusals and self.refusals:
            log.warning("a worker was refused: %s", self.refusals.pop(0))
