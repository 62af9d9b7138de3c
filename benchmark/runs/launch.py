"""Make a grid's missing runs on this machine, several at a time.

A worker (`benchmark.runs.worker`) is forked from a server that has torch and transformers imported already,
and makes one run after another. The store is the only thing runs share, so stopping and starting again
loses nothing that was finished.
"""

from __future__ import annotations

import math
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path

from benchmark.config.targets import made_by
from benchmark.errors import BenchmarkError
from benchmark.grids.grid import PlannedRun
from benchmark.progress import Line, duration
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.device import unusable_driver
from benchmark.runs.looking import check_data_apart
from benchmark.runs.mps import mps
from benchmark.runs.pool import Pool, again
from benchmark.runs.resources import ANY_GPU, VISIBLE, gpus, room
from benchmark.runs.run import Run, failure
from benchmark.runs.slots import Job, Needs, Slots

HEAVY = [
    "benchmark.embedded.encoder",
    "benchmark.training.loop",
    "benchmark.methods",
    "benchmark.models.pretrained",
    "benchmark.tasks",
]


def run_all(
    runs: Sequence[PlannedRun],
    store: Store,
    workers: int,
    purpose: str | None = None,
    records: Iterable[Record] = (),
) -> list[PlannedRun]:
    """Make ``runs`` for the table ``purpose``; return the failed ones, of which the store keeps a failure.

    ``records`` of like runs tell how much of a GPU they take. Raises: BenchmarkError if nothing can be run.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    _start_server()
    _build_what_they_need(context, runs)
    check_data_apart(context, [planned.config for planned in runs])
    waiting, failed = deque(Job(planned) for planned in runs), list[PlannedRun]()
    with places(runs, workers) as slots:
        pool = Pool(context, slots, workers, Needs(records), purpose)
        progress = GridProgress(len(runs), workers)
        try:
            while waiting or pool.busy:
                pool.hand_out(waiting)
                for job, outcome in pool.outcomes(progress.line.every):
                    if outcome.crash is not None:
                        store.add_failure(
                            failure(Run(job.planned.config, job.planned.command), outcome.crash)
                        )
                    if again(job, outcome):
                        waiting.append(Job(job.planned, alone=True))
                        continue
                    if outcome.failure is not None:
                        failed.append(job.planned)
                    progress.finished(job.planned)
                progress.show(len(pool.busy), len(failed))
        finally:
            progress.close()
            pool.close()
    return failed


@contextmanager
def places(runs: Sequence[PlannedRun], workers: int) -> Iterator[list[Slots]]:
    """Places where ``runs`` can go on, ``workers`` at a time; prints one line about GPUs.

    Raises: BenchmarkError for GPUs that torch cannot use, or devices of several kinds.
    """
    device, *others = dict.fromkeys(planned.config.device for planned in runs)
    if others:
        raise BenchmarkError(f"device={','.join([device, *others])}: one device for all runs of a grid")
    kind, _, number = device.partition(":")
    names = gpus(device) if kind in ANY_GPU else []
    if not names:
        if kind == "cuda" and (why := unusable_driver()) is not None:
            raise BenchmarkError(f"device={device}: not available here ({why})")
        yield [Slots(workers)]
        return
    most = math.ceil(workers / len(names))
    with mps() if most > 1 else nullcontext() as shared:
        print(on_gpus(len(names), most, shared is not None), file=sys.stderr)
        several = [{VISIBLE: name} if len(names) > 1 else {} for name in names]
        yield [Slots(most, int(number or 0), environment | (shared or {})) for environment in several]


def on_gpus(count: int, most: int, shared: bool) -> str:
    """One line on a grid's use of ``count`` GPUs; ``most`` runs at a time on each, ``shared`` by MPS."""
    which = "1 GPU" if count == 1 else f"{count} GPUs"
    if most == 1:
        return f"{which}: one run at a time on each"
    how = "side by side (CUDA MPS)" if shared else "taking turns (no CUDA MPS)"
    return f"{which}: up to {most} runs at a time on each, as far as their measured memory fits, {how}"


def _start_server() -> None:
    """Start the server deaf to Ctrl-C: a terminal sends that to every process of a command."""
    hearing = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, hearing)


def default_workers(runs: Sequence[PlannedRun]) -> int:
    """As many of ``runs`` at a time as the machine has room for."""
    threads = max((planned.config.threads for planned in runs), default=1)
    return min((room(threads, device) for device in {planned.config.device for planned in runs}), default=1)


def _build_what_they_need(context: BaseContext, runs: Sequence[PlannedRun]) -> None:
    """Build the project's own encoders and data sets once, before runs race for them."""
    needed = {
        (part.builder, planned.config.cache)
        for planned in runs
        for part in (planned.config.model, planned.config.task)
        if part.builder
    }
    for builder, cache in sorted(needed):
        process = context.Process(target=_build, args=(builder, cache))  # type: ignore[attr-defined]
        process.start()
        process.join()
        if process.exitcode:
            raise BenchmarkError(f"{builder} could not be built in cache={cache}; see above")


def _build(builder: str, cache: str) -> None:
    from benchmark.runs.device import keep_quiet

    keep_quiet()
    made_by("builder", builder, Path(cache))


class GridProgress:
    """Tells how far a grid is."""

    def __init__(self, total: int, workers: int, write: Callable[[str], object] = sys.stderr.write) -> None:
        self.total, self.workers, self.line = total, workers, Line(write)
        self.done = 0
        self.last = ""

    def finished(self, planned: PlannedRun) -> None:
        """Count a run that ended."""
        self.done += 1
        config = planned.config
        self.last = f"{config.model.name} {config.task.name} seed {config.seed}"

    def show(self, running: int, failed: int) -> None:
        """Write the line if it is time to."""
        if not self.line.due() and self.done < self.total:
            return
        elapsed = self.line.elapsed
        left = f"{duration(elapsed / self.done * (self.total - self.done))} left" if self.done else "…"
        line = f"{self.done}/{self.total} runs, {running} running, {duration(elapsed)} so far, {left}"
        line += f", {failed} FAILED" if failed else ""
        self.line.show(line + (f"  (last: {self.last})" if self.last else ""))

    def close(self) -> None:
        """Leave the last line standing."""
        self.line.close()
