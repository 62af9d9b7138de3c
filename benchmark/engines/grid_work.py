"""The runs of a grid on this machine: which wait, which go on, and what became of them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from benchmark.engines.awaited import Awaited
from benchmark.engines.given_up import GivenUp
from benchmark.engines.pool import Pool, job_to_repeat
from benchmark.engines.process import ELSEWHERE, RunOutcome
from benchmark.engines.slots import Job
from benchmark.grids.grid import PlannedRun
from benchmark.records.disk import UnwritableError, short_of_room
from benchmark.records.store import Store
from benchmark.runs.failures import UNWRITABLE, failure
from benchmark.runs.leased import EVERY
from benchmark.runs.run import Run

log = logging.getLogger(__name__)


class GridWork:
    """The runs of a grid in ``waiting``, and their outcomes.

    ``ended`` is called with each run that has ended.
    """

    def __init__(
        self,
        pool: Pool,
        store: Store,
        waiting: deque[Job],
        ended: Callable[[PlannedRun], object],
        since: float | None = None,
    ) -> None:
        self.pool, self.store, self.waiting, self.ended = pool, store, waiting, ended
        self.elsewhere, self.given_up = Awaited(), GivenUp(store, since)
        self.failed: list[PlannedRun] = []
        self.largest = 0  # bytes of a record of the grid

    def go_on(self) -> bool:
        """Begin what can be begun; False if all runs have ended.

        Raises: UnwritableError if no record could be written any more.
        """
        self.store.wait_until_there()
        freed = self.elsewhere.free()
        self.waiting.extend(freed)
        for job in self.given_up.take(self.waiting, now=bool(freed)):
            self.failed.append(job.planned)
            self.ended(job.planned)
        if self.waiting and (why := short_of_room(self.store.folder, len(self.pool.busy) + 1, self.largest)):
            if not self.pool.busy:
                raise UnwritableError(why)
        else:
            self.pool.hand_out(self.waiting)
        return bool(self.waiting or self.pool.busy or self.elsewhere)

    def hear(self, seconds: float) -> None:
        """Receive outcomes of runs; wait for them at most ``seconds``.

        Raises: UnwritableError if a record could not be written.
        """
        for job, outcome in self.pool.outcomes(min(seconds, EVERY) if self.elsewhere else seconds):
            if outcome.failure == UNWRITABLE:
                self.drain()
                raise UnwritableError(outcome.error)
            if outcome.failure == ELSEWHERE:
                self.elsewhere.add(job)
            elif (repeated := job_to_repeat(job, outcome)) is not None:
                self.waiting.append(repeated)
            else:
                if outcome.failure is not None:
                    self.fail(job.planned, outcome)
                else:
                    self.largest = max(self.largest, self.store.size(job.planned.run_id))
                self.ended(job.planned)

    def fail(self, planned: PlannedRun, outcome: RunOutcome) -> None:
        """Note a failed run, and record why if its process could not."""
        self.failed.append(planned)
        if outcome.error:
            run = Run(planned.config, planned.command)
            self.store.add_failure(failure(run, outcome.error, outcome.failure))

    def drain(self) -> None:
        """Wait for the running runs to end; each keeps its result if possible."""
        while self.pool.busy:
            for _, outcome in self.pool.outcomes(EVERY):
                if outcome.failure == UNWRITABLE:
                    log.warning("%s", outcome.error)
