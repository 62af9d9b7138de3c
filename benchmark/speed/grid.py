"""Time a grid as it is run: one run of one thread on every core at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

READY_SECONDS = 300  # by when all processes must have loaded their model
_state: dict[str, Any] = {}  # what a worker process keeps between rounds

Grid = Callable[[str, str, int], float]


@contextlib.contextmanager
def grid(cores: int) -> Iterator[Grid]:
    """Processes that make runs side by side; they live, and their imports are done, for all rounds.

    Yields a function of a model, a task and a number of updates: the seconds from the first run's first update
    to the last run's last one, divided by the number of runs.
    """
    context = get_context("spawn")  # a fork of a process with threads may hang
    barrier = context.Barrier(cores)
    with ProcessPoolExecutor(cores, context, _prepare, (barrier,)) as pool:

        def time_round(model: str, task: str, updates: int) -> float:
            spans = list(pool.map(_one, [(model, task, updates)] * cores))
            return (max(end for _, end in spans) - min(begin for begin, _ in spans)) / cores

        yield time_round


def _prepare(barrier: Any) -> None:
    from benchmark import memory
    from benchmark.run import keep_quiet, make_reproducible

    keep_quiet()
    memory.keep()
    make_reproducible(1, "float32")
    _state["barrier"] = barrier


def _one(what: tuple[str, str, int]) -> tuple[float, float]:
    """One run of this process, begun when all are ready: when it began and ended, by the system's clock."""
    import copy
    import time

    from benchmark.speed.sides import load, ours

    if _state.get("loaded") != what:
        model, _, task = load(*what)
        _state.update(loaded=what, model=model, task=task)
        ours(copy.deepcopy(model), task)  # warms the process up
    model, task = copy.deepcopy(_state["model"]), _state["task"]
    _state["barrier"].wait(READY_SECONDS)
    begin = time.monotonic()
    took = ours(model, task).seconds
    return begin, begin + took
