"""A worker process that makes run after run; it keeps imports, CUDA's context and kernels.

A record does not depend on what its worker did before: all that a run changes for the whole process is set by
the run itself (`benchmark.runs.device`) or put back after it. A worker that failed, lost the GPU or grew in
memory is not used again. A worker that crashes ends its own run and no other. A worker whose launcher is gone
saves a snapshot and ends.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from benchmark import stopping
from benchmark.engines.slots import GpuMemory
from benchmark.errors import BenchmarkError
from benchmark.grids.grid import PlannedRun
from benchmark.records import token, workers
from benchmark.records.token import Token
from benchmark.runs.failures import CRASHED, GONE, REFUSED, UNWRITABLE, cause_of
from benchmark.runs.gpu_memory import share_gpu
from benchmark.runs.leased import ElsewhereError
from benchmark.runs.parallel import start
from benchmark.runs.run import Run, run

GROWTH = 1 << 30  # bytes, of host and GPU, by which a worker may have grown since its first run
QUITTING = 5.0  # seconds in which a worker that is not needed any more ends by itself
ELSEWHERE, STOPPED = "elsewhere", "stopped"  # another process makes the run; a signal ended this one
NOT_YET = (ELSEWHERE, STOPPED, GONE)  # ends of a run that is to be made, and has not failed


@dataclass(frozen=True)
class Order:
    """A run for the table ``purpose`` and the store of ``token``.

    It may take at most ``room`` bytes of a GPU; None is all of it.
    """

    planned: PlannedRun
    purpose: str | None
    token: Token
    room: int | None = None


@dataclass(frozen=True)
class Said:
    """A line that a run logged."""

    level: int
    text: str


@dataclass(frozen=True)
class RunOutcome:
    """The end of a run in a worker: it has a record, or ``failure`` has a cause or one of `NOT_YET`.

    ``reserved`` is the GPU memory that it took, in bytes. ``error`` is a line that tells how a process died
    or why a store cannot be written to. After the ``last`` outcome the worker is gone.
    """

    failure: str | None = None
    reserved: int | None = None
    error: str = ""
    last: bool = False


Message = GpuMemory | Said | RunOutcome


class Worker:
    """The launcher's side of a worker process."""

    def __init__(
        self, context: BaseContext, environment: dict[str, str], gpu: int | None, growth: int = GROWTH
    ) -> None:
        self.connection, theirs = context.Pipe()
        watched, self.life = context.Pipe(duplex=False)  # it closes when the launcher ends, in any way
        self.process = context.Process(  # type: ignore[attr-defined]
            target=serve, args=(theirs, watched, environment, gpu, growth), daemon=True
        )
        start(self.process)
        theirs.close()
        watched.close()

    def give(self, order: Order) -> bool:
        """Hand a run to the process; False if the process is gone."""
        try:
            self.connection.send(order)
        except OSError:
            return False
        return True

    def hear(self) -> Message:
        """The worker's next message; called when there is one, or when the process is gone."""
        with suppress(EOFError, OSError):
            if self.connection.poll():
                return self.connection.recv()
        self.process.join(QUITTING)
        code = self.process.exitcode or 0
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
        return RunOutcome(CRASHED, error=f"its process was {how}", last=True)

    def dismiss(self) -> None:
        """Let a process that has nothing to do end."""
        self.connection.close()
        self.process.join(QUITTING)
        self.process.kill()

    def end(self, seconds: float) -> None:
        """Wait at most so many ``seconds`` for a process that was told to stop."""
        self.process.join(seconds)
        self.process.kill()


def serve(
    connection: Connection, life: Connection, environment: dict[str, str], gpu: int | None, growth: int
) -> None:
    """Run a worker's process until its launcher is gone; ``gpu`` is its GPU's number."""
    # A terminal signals all processes; the launcher passes it on
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        try:
            stopping.hear(signal.SIGTERM, signal.SIGHUP)
            threading.Thread(target=end_with, args=(life,), daemon=True).start()
            with suppress(BrokenPipeError):  # the launcher is gone
                make_runs(connection, environment, gpu, growth)
        finally:
            for number in stopping.SIGNALS:  # it is ending
                signal.signal(number, signal.SIG_IGN)
    except stopping.Stopped:
        with suppress(OSError):
            connection.send(RunOutcome(STOPPED, last=True))
    finally:
        workers.leave()


def end_with(life: Connection) -> None:
    """End this process when the launcher's end of ``life`` closes."""
    with suppress(EOFError, OSError):
        life.recv_bytes()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(stopping.PATIENCE + QUITTING)
    os.kill(os.getpid(), signal.SIGKILL)


def make_runs(connection: Connection, environment: dict[str, str], gpu: int | None, growth: int) -> None:
    """Make the runs that are ordered, one after another."""
    os.environ |= environment
    logging.basicConfig(level=logging.WARNING, handlers=[ToLauncher(connection)])
    prepare()
    first: int | None = None
    while (order := next_order(connection)) is not None:
        outcome, kept = make_one(order, gpu, connection)
        first = first or kept
        fails = outcome.failure not in (None, REFUSED, ELSEWHERE, GONE)
        last = fails or kept is None or kept > (first or 0) + growth
        connection.send(replace(outcome, last=last))
        if last:
            return


def prepare() -> None:
    """Set up the process of a worker, once."""
    import tqdm

    # A progress bar's own lock would be shared between processes, and lost if one of them is killed.
    tqdm.tqdm.set_lock(threading.RLock())
    gc.freeze()  # objects made so far stay: collecting them after every run would take longer than some runs


def next_order(connection: Connection) -> Order | None:
    """The run to make next; None if the launcher is gone."""
    try:
        return connection.recv()
    except (EOFError, OSError):
        return None


def make_one(order: Order, gpu: int | None, connection: Connection) -> tuple[RunOutcome, int | None]:
    """Make a run; return its outcome, and the bytes that the process keeps after it (`memory.release`)."""
    from benchmark.runs import memory

    config = order.planned.config
    try:
        if gpu is not None and (found := share_gpu(gpu, config.device, order.room)):
            connection.send(GpuMemory(*found))
    except BenchmarkError as error:
        return RunOutcome(cause_of(error), error=str(error)), memory.release()
    token.expect(Path(config.store), order.token)
    try:
        workers.arrive(Path(config.store))
        with put_back():
            record = run(Run(config, order.planned.command, order.purpose), wait=False)
        outcome = RunOutcome(reserved=record.memory.reserved)
    except ElsewhereError as holder:
        outcome = RunOutcome(ELSEWHERE, error=str(holder))
    except Exception as error:  # it is in the store already
        stopping.unmask(error)
        cause = cause_of(error)
        outcome = RunOutcome(cause, error=str(error) if cause == UNWRITABLE else "")
    return outcome, memory.release()


@contextmanager
def put_back() -> Iterator[None]:
    """Put back environment, folder, warnings and log level after a run."""
    environment, folder, level = dict(os.environ), os.getcwd(), logging.root.level
    try:
        with warnings.catch_warnings():
            yield
    finally:
        os.chdir(folder)
        logging.root.setLevel(level)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ |= environment


class ToLauncher(logging.Handler):
    """Hands what runs log to the launcher, which says every line once."""

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self.connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        self.connection.send(Said(record.levelno, record.getMessage()))
