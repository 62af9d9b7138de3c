"""Make the missing runs of a grid on this machine, several at a time, each in a process of its own.

A process is forked from a server that has torch and transformers imported already, so that a run costs
no start-up; it begins in the same state whatever ran before it, and can crash alone. The store is the
only thing runs share, so stopping and starting again loses nothing that was finished.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.grids.grid import PlannedRun
from benchmark.progress import Line, duration
from benchmark.records.store import Store
from benchmark.runs.resources import VISIBLE, gpus, room, spread
from benchmark.runs.run import Run, failure, run

ANY_GPU = ("auto", "cuda")  # devices that name no one GPU
HEAVY = [
    "benchmark.embedded.encoder",
    "benchmark.training.loop",
    "benchmark.methods",
    "benchmark.models.pretrained",
    "benchmark.tasks",
]


def run_all(
    runs: Sequence[PlannedRun], store: Store, workers: int, purpose: str | None = None
) -> list[PlannedRun]:
    """Make ``runs`` for the table ``purpose``; those that failed are returned, and what is known of them is in the store."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    _start_server()
    _build_what_they_need(context, runs)
    waiting, failed = list(reversed(runs)), list[PlannedRun]()
    running: dict[Any, tuple[Any, PlannedRun, str | None]] = {}
    places = spread(workers, gpus() if any(planned.config.device in ANY_GPU for planned in runs) else [])
    progress = Progress(len(runs), workers)
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                planned, place = waiting.pop(), places.pop()
                process = context.Process(target=_child, args=(planned, purpose, place), daemon=True)
                process.start()
                running[process.sentinel] = (process, planned, place)
            for sentinel in wait(list(running), timeout=progress.line.every):
                process, planned, place = running.pop(sentinel)
                places.append(place)
                process.join()
                if process.exitcode:
                    failed.append(planned)
                    _record_crash(process, planned, store)
                progress.finished(planned)
            progress.show(len(running), len(failed))
    except KeyboardInterrupt:
        for process, *_ in running.values():
            process.terminate()
        raise
    finally:
        progress.close()
    return failed


def _start_server() -> None:
    """Start the server deaf to Ctrl-C, which a terminal sends to every process of a command."""
    hearing = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, hearing)


def default_workers(runs: Sequence[PlannedRun]) -> int:
    """As many of ``runs`` at a time as the machine has room for."""
    threads = max((planned.config.threads for planned in runs), default=1)
    return min((room(threads, device) for device in {planned.config.device for planned in runs}), default=1)


def _child(planned: PlannedRun, purpose: str | None, gpu: str | None) -> None:
    """What a run's process does; the failure itself is in the store by the time it exits with 1."""
    if gpu is not None and planned.config.device in ANY_GPU:
        os.environ[VISIBLE] = gpu
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    try:
        run(Run(planned.config, planned.command, purpose))
    except Exception:
        sys.exit(1)


def _record_crash(process: BaseProcess, planned: PlannedRun, store: Store) -> None:
    """A process that died without a word (out of memory, a signal) leaves a failure too."""
    if process.exitcode != 1:
        code = process.exitcode or 0
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
        store.add_failure(failure(Run(planned.config, planned.command), f"its process was {how}"))


def _build_what_they_need(context: multiprocessing.context.BaseContext, runs: Sequence[PlannedRun]) -> None:
    """Build the encoders and data sets that the project makes itself, once, before runs race for them."""
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
    from hydra.utils import get_method

    from benchmark.runs.run import keep_quiet

    keep_quiet()
    get_method(builder)(Path(cache))


class Progress:
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
