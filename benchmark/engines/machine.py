"""Make a grid's missing runs on this machine, several at a time.

A worker (`benchmark.engines.process`) is forked from a server that has torch and transformers imported already,
and makes one run after another. The store is the only thing runs share, so stopping and starting again
loses nothing that was finished, and other commands may make runs of the same grid.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path

from benchmark.config.targets import made_by
from benchmark.engines.base import Assignment, Engine
from benchmark.engines.grid_progress import GridProgress
from benchmark.engines.grid_work import GridWork
from benchmark.engines.mps import mps
from benchmark.engines.pool import Pool
from benchmark.engines.slots import Job, Needs, Slots
from benchmark.errors import BenchmarkError
from benchmark.grids.grid import PlannedRun
from benchmark.progress import IMPORTING, Tell, silence
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.apart import done_apart
from benchmark.runs.device import AUTO_IS_CPU, NO_GPU, cuda_starts, unusable_cuda
from benchmark.runs.early import check_machine
from benchmark.runs.forking import FIRST
from benchmark.runs.looking import check_data_apart
from benchmark.runs.resources import ANY_GPU, VISIBLE, gpus, room

log = logging.getLogger(__name__)

SEEN = 5.0  # seconds at most until the grid's note in the store is renewed

HEAVY = [
    *FIRST,
    "benchmark.embedded.encoder",
    "benchmark.training.loop",
    "benchmark.methods",
    "benchmark.models.pretrained",
    "benchmark.tasks",
]


@dataclass
class Local(Engine):
    """The cores and GPUs of this machine. A run that takes more than ``run_minutes`` is stopped; None: never."""

    def make(self, asked: Assignment) -> None:
        for run in asked.missing:
            check_machine(run.config)
        workers = default_workers(asked.missing) if asked.workers is None else asked.workers
        run_all(
            asked.missing,
            asked.store,
            workers,
            asked.grid.name,
            asked.records,
            self.run_minutes,
            asked.since,
        )


def run_all(
    runs: Sequence[PlannedRun],
    store: Store,
    workers: int,
    purpose: str | None = None,
    records: Iterable[Record] = (),
    minutes: float | None = None,
    since: float | None = None,
) -> list[PlannedRun]:
    """Make ``runs`` for the table ``purpose``; return those that failed (their failures are in the store).

    ``records`` of similar runs tell how much GPU memory a run takes. A run that takes longer than ``minutes``
    fails; ``since`` is as in `Assignment`. Raises: BenchmarkError if nothing can be run, UnwritableError if
    the store cannot be written to.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    progress = GridProgress(len(runs), workers, store=store.folder, table=purpose)
    try:
        _get_ready(context, runs, progress)
        with places(context, runs, workers) as slots:
            pool = Pool(context, slots, workers, Needs(records), store.open(wait=True), purpose, minutes)
            work = GridWork(pool, store, deque(Job(planned) for planned in runs), progress.finished, since)
            try:
                while work.go_on():
                    work.hear(min(progress.line.every, SEEN))
                    progress.show(len(pool.busy), len(work.failed), len(work.elsewhere))
            finally:
                pool.close()
    finally:
        progress.close()
    return work.failed


def _get_ready(context: BaseContext, runs: Sequence[PlannedRun], progress: GridProgress) -> None:
    """Import and build what all runs need, once, and look at their data."""
    progress.phase(IMPORTING)
    _start_server()
    _build_what_they_need(context, runs, progress.before)
    progress.phase("checking data")
    check_data_apart(context, [planned.config for planned in runs], progress.before)


@contextmanager
def places(context: BaseContext, runs: Sequence[PlannedRun], workers: int) -> Iterator[list[Slots]]:
    """Places where ``runs`` can go on, ``workers`` at a time; prints one line about GPUs.

    A process of ``context`` tries CUDA. Raises: BenchmarkError for GPUs that torch cannot use, or devices of
    several kinds.
    """
    device, *others = dict.fromkeys(planned.config.device for planned in runs)
    if others:
        raise BenchmarkError(f"device={','.join([device, *others])}: one device for all runs of a grid")
    kind, _, number = device.partition(":")
    names = gpus(device) if kind in ANY_GPU else []
    why = fault_of_cuda(context, {}) if names else None
    if kind == "cuda" and (why or not names):
        raise BenchmarkError(f"device={device}: not available here ({why or unusable_cuda() or NO_GPU})")
    if why is not None:
        log.warning(AUTO_IS_CPU, why)
        yield [Slots(workers, environment={VISIBLE: ""})]  # otherwise the runs try it, and say so, again
        return
    if not names:
        yield [Slots(workers)]
        return
    most = math.ceil(workers / len(names))
    with mps() if most > 1 else nullcontext() as shared:
        if shared and (why := fault_of_cuda(context, shared)) is not None:
            log.warning("CUDA does not start with MPS, so it is not used: %s", why)
            shared = None
        print(on_gpus(len(names), most, shared is not None), file=sys.stderr)
        several = [{VISIBLE: name} if len(names) > 1 else {} for name in names]
        yield [Slots(most, int(number or 0), environment | (shared or {})) for environment in several]


def fault_of_cuda(context: BaseContext, environment: dict[str, str]) -> str | None:
    """The reason why CUDA does not start in a process with ``environment``; None if it does.

    That there are GPUs does not tell it: torch counts them without CUDA.
    """
    ended = done_apart(context, silence, _fault_of_cuda, environment)
    return f"a process that starts CUDA ends with status {ended.status}" if ended.status else ended.result


def _fault_of_cuda(environment: dict[str, str]) -> str | None:
    os.environ |= environment
    return None if cuda_starts() else unusable_cuda() or NO_GPU


def on_gpus(count: int, most: int, shared: bool) -> str:
    """One line on a grid's use of ``count`` GPUs; ``most`` runs at a time on each, ``shared`` by MPS."""
    which = "1 GPU" if count == 1 else f"{count} GPUs"
    if most == 1:
        return f"{which}: one run at a time on each"
    how = "side by side (CUDA MPS)" if shared else "taking turns (no CUDA MPS)"
    return f"{which}: up to {most} runs at a time on each, as far as their measured memory fits, {how}"


def _start_server() -> None:
    """Start the fork server so that it ignores Ctrl-C, which a terminal sends to all processes."""
    hearing = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, hearing)


def default_workers(runs: Sequence[PlannedRun]) -> int:
    """The number of ``runs`` that the machine has room for at a time."""
    threads = max((planned.config.threads for planned in runs), default=1)
    return min((room(threads, device) for device in {planned.config.device for planned in runs}), default=1)


def _build_what_they_need(context: BaseContext, runs: Sequence[PlannedRun], tell: Tell) -> None:
    """Build the project's own encoders and data sets once, before runs race for them."""
    needed = {
        (part.builder, planned.config.cache)
        for planned in runs
        for part in (planned.config.model, planned.config.task)
        if part.builder
    }
    for builder, cache in sorted(needed):
        for _ in range(2):  # once more, if it was killed
            ended = done_apart(context, tell, _build, builder, cache)
            if ended.status >= 0:
                break
        if ended.status:
            raise BenchmarkError(f"{builder} could not be built in cache={cache}; see above")


def _build(builder: str, cache: str) -> None:
    from benchmark.runs.device import keep_quiet

    keep_quiet()
    made_by("builder", builder, Path(cache))
