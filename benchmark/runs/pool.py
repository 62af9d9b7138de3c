"""The workers of a grid: who makes which run, and where."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext

from benchmark.config.schema import as_json
from benchmark.runs.failures import GPU_FAULT, OUT_OF_MEMORY
from benchmark.runs.slots import GpuMemory, Job, Needs, Slots, choose
from benchmark.runs.worker import Order, RunOutcome, Said, Worker

log = logging.getLogger(__name__)


class Pool:
    """Workers in ``places``, at most ``most`` at a time, for the table ``purpose``."""

    def __init__(
        self, context: BaseContext, places: Sequence[Slots], most: int, needs: Needs, purpose: str | None
    ) -> None:
        self.context, self.places, self.most, self.needs, self.purpose = context, places, most, needs, purpose
        self.busy: dict[Worker, tuple[Slots, Job]] = {}
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
        """Let a worker of ``place`` make a run; with all of a GPU, if it is to be alone there."""
        if job.alone:  # the others' contexts take memory
            self.dismiss([worker for worker, where in self.idle if where is place])
        order = Order(job.planned, self.purpose, need)
        worker = self.idle_in(place)
        while worker is not None and not worker.give(order):  # it died in between
            worker = self.idle_in(place)
        if worker is None:
            worker = Worker(self.context, place.environment, place.gpu)
            worker.give(order)
        place.taken[worker] = need
        self.busy[worker] = place, job

    def idle_in(self, place: Slots) -> Worker | None:
        """A worker of ``place`` that has nothing to do; it is taken off the list."""
        for entry in self.idle:
            if entry[1] is place:
                self.idle.remove(entry)
                return entry[0]
        return None

    def outcomes(self, seconds: float) -> Iterator[tuple[Job, RunOutcome]]:
        """The runs that ended, waiting for the next message for so many ``seconds``; ``alone`` says that they were."""
        ends = {end: worker for worker in self.busy for end in (worker.connection, worker.process.sentinel)}
        for worker in {ends[end]: None for end in wait(list(ends), seconds)}:
            place, job = self.busy[worker]
            message = worker.hear()
            if isinstance(message, Said):
                self.say(message)
            elif isinstance(message, GpuMemory):
                place.memory = place.memory or message
            else:
                del self.busy[worker]
                alone = place.taken.pop(worker) is None
                if message.last:
                    worker.stop()
                else:
                    self.idle.append((worker, place))
                self.needs.learn(as_json(job.planned.config), message.reserved)
                yield Job(job.planned, alone), message

    def say(self, message: Said) -> None:
        """Say once what many runs may have to say."""
        if message.text not in self.said:
            self.said.add(message.text)
            log.log(message.level, "%s", message.text)

    def dismiss(self, workers: Sequence[Worker]) -> None:
        """Let workers end that have nothing to do."""
        self.idle = [entry for entry in self.idle if entry[0] not in workers]
        for worker in workers:
            worker.stop()

    def close(self) -> None:
        """Let all workers end; runs that go on are given up."""
        for worker in self.busy:
            worker.process.terminate()
        self.dismiss([worker for worker, _ in self.idle])


def again(job: Job, outcome: RunOutcome) -> bool:
    """Decide if a failed run is repeated alone: it, or its neighbours, took too much of a GPU."""
    return outcome.failure in (OUT_OF_MEMORY, GPU_FAULT) and not job.alone
