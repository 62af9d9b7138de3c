"""A process that makes run after run. It keeps imports, CUDA's context and kernels between them.

A record does not depend on what its worker did before: all that a run changes for the whole process is set
by the run itself (`benchmark.runs.device`) or put back after it. A worker that failed, lost the GPU or grew
is not used again; one that crashes takes its own run along and no other.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any

from benchmark.grids.grid import PlannedRun
from benchmark.runs.failures import REFUSED, cause_of
from benchmark.runs.run import Run, run
from benchmark.runs.slots import GpuMemory

GROWTH = 1 << 30  # bytes, of host and GPU, by which a worker may have grown since its first run
QUITTING = 5.0  # seconds in which a worker that is not needed any more ends by itself


@dataclass(frozen=True)
class Order:
    """A run for the table ``purpose``, with at most ``room`` bytes of a GPU; None is all."""

    planned: PlannedRun
    purpose: str | None
    room: int | None = None


@dataclass(frozen=True)
class Said:
    """A line that a run logged."""

    level: int
    text: str


@dataclass(frozen=True)
class RunOutcome:
    """The end of a run: the cause of its failure, if it failed, and the bytes that it took of a GPU.

    ``crash`` says how its process died. After the ``last`` outcome the worker is gone.
    """

    failure: str | None = None
    reserved: int | None = None
    crash: str | None = None
    last: bool = False


Message = GpuMemory | Said | RunOutcome


class Worker:
    """The launcher's end of such a process."""

    def __init__(
        self, context: BaseContext, environment: dict[str, str], gpu: int | None, growth: int = GROWTH
    ) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(  # type: ignore[attr-defined]
            target=serve, args=(theirs, environment, gpu, growth), daemon=True
        )
        self.process.start()
        theirs.close()

    def give(self, order: Order) -> bool:
        """Hand a run to the process; False if the process is gone."""
        try:
            self.connection.send(order)
        except OSError:
            return False
        return True

    def hear(self) -> Message:
        """Its next message; called when there is one, or when the process is gone."""
        with suppress(EOFError, OSError):
            if self.connection.poll():
                return self.connection.recv()
        self.process.join()
        code = self.process.exitcode or 0
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
        return RunOutcome("crashed", crash=f"its process was {how}", last=True)

    def stop(self) -> None:
        """Let a process that has nothing to do end."""
        self.connection.close()
        self.process.join(QUITTING)
        self.process.terminate()


def serve(connection: Connection, environment: dict[str, str], gpu: int | None, growth: int) -> None:
    """The process of a worker, on a ``gpu`` of those it sees; it ends when nobody is at the other end any more."""
    os.environ |= environment
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.basicConfig(level=logging.WARNING, handlers=[ToLauncher(connection)])
    prepare(connection, gpu)
    first: int | None = None
    while (order := next_order(connection)) is not None:
        outcome, kept = made(order, gpu)
        first = kept if first is None else first
        last = outcome.failure not in (None, REFUSED) or kept - first > growth
        connection.send(RunOutcome(outcome.failure, outcome.reserved, last=last))
        if last:
            return


def prepare(connection: Connection, gpu: int | None) -> None:
    """Set up the process of a worker, once."""
    import tqdm

    # Its own would be shared between processes, and missed when one of them is killed.
    tqdm.tqdm.set_lock(threading.RLock())
    gc.freeze()  # what is there stays: looking through it after every run would take longer than some runs
    if gpu is not None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.set_device(gpu)
            connection.send(GpuMemory(*torch.cuda.mem_get_info()))


def next_order(connection: Connection) -> Order | None:
    """The run to make next; None if there is no launcher any more."""
    try:
        return connection.recv()
    except (EOFError, OSError):
        return None


def made(order: Order, gpu: int | None) -> tuple[RunOutcome, int]:
    """Make a run; its outcome, and the bytes that the process keeps after it."""
    from benchmark.runs import memory

    if gpu is not None:
        share_gpu(order.room)
    try:
        with put_back():
            record = run(Run(order.planned.config, order.planned.command, order.purpose))
        outcome = RunOutcome(reserved=record.memory.reserved)
    except Exception as error:  # it is in the store already
        outcome = RunOutcome(cause_of(error))
    return outcome, memory.release()


def share_gpu(room: int | None) -> None:
    """Let tensors take at most ``room`` bytes of the GPU, or all of it."""
    import torch

    if torch.cuda.is_available():
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction(1.0 if room is None else min(1.0, room / total))


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
