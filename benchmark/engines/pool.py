"""The workers of a grid: who makes which run, and where."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext

from benchmark.config.schema import as_json
from benchmark.engines.process import NOT_YET, QUITTING, Order, RunOutcome, Said, Worker
from benchmark.engines.slots import GpuMemory, Job, Needs, Slots, choose
from benchmark.records.token import Token
from benchmark.runs.failures import CRASHED, GPU_FAULT, LATE, OUT_OF_MEMORY
from benchmark.stopping import PATIENCE

log = logging.getLogger(__name__)

CRASHES = 1  # crashes of a run's process after which it is made once more


@dataclass(frozen=True)
class Going:
    """A job that a worker of ``place`` is making. ``begun`` is a time of the monotonic clock."""

    place: Slots
    job: Job
    begun: float = field(default_factory=time.monotonic)


class Pool:
    """Workers in ``places``, at most ``most`` at a time.

    They make runs for the table ``purpose`` and the store with ``token``. A run may take at most ``minutes``;
    None is no limit.
    """

    def __init__(
        self,
        context: BaseContext,
        places: Sequence[Slots],
        most: int,
        needs: Needs,
        token: Token,
        purpose: str | None = None,
        minutes: float | None = None,
    ) -> None:
        self.context, self.places, self.most, self.needs = context, places, most, needs
        self.token, self.purpose, self.minutes = token, purpose, minutes
        self.busy: dict[Worker, Going] = {}
        self.late: set[Worker] = set()
        self.idle: list[tuple[Worker, Slots]] = []
        self.said: set[str] = set()

    def hand_out(self, waiting: deque[Job]) -> None:
        """Begin the runs that wait, in order, as long as there is a place."""
        while waiting and len(self.busy) < self.most:
            job = waiting[0]
            need = None if job.alone else self.needs.of(as_json(job.planned.config))
            place = choose(self.places, need)
            if place is None:
                return
            waiting.popleft()
            self.give(job, place, need)

    def give(self, job: Job, place: Slots, need: int | None) -> None:
        """Let a worker of ``place`` make a run; a job that must be alone gets the whole GPU."""
        if job.alone:  # the others' contexts take memory
            self.dismiss([worker for worker, where in self.idle if where is place])
        order = Order(job.planned, self.purpose, self.token, need)
        worker = self.idle_in(place)
        while worker is not None and not worker.give(order):  # it died in between
            worker = self.idle_in(place)
        if worker is None:
            worker = Worker(self.context, place.environment, place.gpu)
            worker.give(order)
        place.taken[worker] = need
        self.busy[worker] = Going(place, job)

    def idle_in(self, place: Slots) -> Worker | None:
        """A worker of ``place`` that has nothing to do; it is taken off the list."""
        for entry in self.idle:
            if entry[1] is place:
                self.idle.remove(entry)
                return entry[0]
        return None

    def outcomes(self, seconds: float) -> Iterator[tuple[Job, RunOutcome]]:
        """The runs that ended, after a wait of at most ``seconds`` for a message.

        ``alone`` is true for runs that had a GPU alone.
        """
        self.stop_late()
        # The connection of a dead worker is closed
        talking = {worker.connection: worker for worker in self.busy}
        for end in wait(list(talking), seconds):
            worker = talking[end]  # type: ignore[index]
            place, job = self.busy[worker].place, self.busy[worker].job
            message = worker.hear()
            if isinstance(message, Said):
                self.say(message)
            elif isinstance(message, GpuMemory):
                place.memory = place.memory or message
            else:
                del self.busy[worker]
                alone = place.taken.pop(worker) is None
                if message.last:
                    worker.dismiss()
                else:
                    self.idle.append((worker, place))
                self.needs.learn(as_json(job.planned.config), message.reserved)
                late = worker in self.late
                self.late.discard(worker)
                if late and message.failure is not None:
                    message = RunOutcome(LATE, error=f"it took more than {self.minutes:g} minutes", last=True)
                yield replace(job, alone=alone), message

    def stop_late(self) -> None:
        """Stop the runs that have taken too long; each saves a snapshot."""
        for worker, going in self.busy.items():
            if self.minutes is not None and time.monotonic() - going.begun > 60 * self.minutes:
                if worker not in self.late:
                    worker.process.terminate()
                self.late.add(worker)

    def say(self, message: Said) -> None:
        """Print a message once, although many runs may send it."""
        if message.text not in self.said:
            self.said.add(message.text)
            log.log(message.level, "%s", message.text)

    def dismiss(self, workers: Sequence[Worker]) -> None:
        """Let workers end that have nothing to do."""
        self.idle = [entry for entry in self.idle if entry[0] not in workers]
        for worker in workers:
            worker.dismiss()

    def close(self) -> None:
        """End all workers; runs that go on save a snapshot first."""
        for worker in self.busy:
            worker.process.terminate()
        self.dismiss([worker for worker, _ in self.idle])
        last = time.monotonic() + PATIENCE + QUITTING
        for worker in self.busy:
            worker.end(max(0.0, last - time.monotonic()))


def job_to_repeat(job: Job, outcome: RunOutcome) -> Job | None:
    """The job to repeat for a run without a record; None if it failed.

    A run that took too much GPU memory, or whose neighbours did, is repeated alone. A run whose process died
    is repeated once.
    """
    if outcome.failure in NOT_YET:
        return job
    if outcome.failure in (OUT_OF_MEMORY, GPU_FAULT) and not job.alone:
        return replace(job, alone=True)
    if outcome.failure == CRASHED and job.crashes < CRASHES:
        return replace(job, crashes=job.crashes + 1)
    return None
