"""Independent pieces of work in several processes, for commands that train nothing."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

from benchmark.runs.forking import FIRST
from benchmark.runs.resources import room

Piece = TypeVar("Piece")
Result = TypeVar("Result")
FEW = 4  # pieces: for so few, starting a process takes longer than the work
SELDOM = 50_000  # new objects between looks for cycles: grids and records are many small objects that stay
TRIES, SOON = 20, 0.1  # attempts to start a process while a fork server ends, and seconds between them
_work: list[Callable[[Any], Any]] = []


def in_processes(
    work: Callable[[Piece], Result],
    pieces: Sequence[Piece],
    preload: list[str],
    begin: Callable[[], None],
) -> Iterator[tuple[Piece, Result]]:
    """Pairs (piece, its result), as soon as known.

    ``work`` and its results can be pickled; each process keeps one copy of ``work`` with its caches.
    ``preload`` names modules to be imported once for all processes, and ``begin`` is called in each.
    """
    processes = min(room(1, "cpu"), len(pieces))
    if processes == 1 or len(pieces) <= FEW:
        yield from ((piece, work(piece)) for piece in pieces)
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*FIRST, *preload])
    with ProcessPoolExecutor(processes, context, _begin, (work, begin)) as pool:
        started = {pool.submit(_done, piece): piece for piece in pieces}
        try:
            for done in as_completed(started):
                yield started[done], done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(work: Callable[[Any], Any], begin: Callable[[], None]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command itself, which ends its processes
    gc.set_threshold(SELDOM)
    begin()
    _work.append(work)


def _done(piece: Any) -> Any:
    return _work[-1](piece)


def start(process: Any) -> None:
    """Start a process, with a new fork server if the old one was killed.

    The end of the old one may be noticed only a moment after it stops answering, so starting is tried several
    times.
    """
    for _ in range(TRIES):
        try:
            return process.start()
        except (EOFError, ConnectionError):
            time.sleep(SOON)
    process.start()
