"""Timing of a grid: single-threaded runs on all cores, or a shared GPU."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

from benchmark.runs.resources import room
from benchmark.speed.conditions import Conditions
from benchmark.speed.timing import Amount

READY_SECONDS = 300  # to wait for all processes to load their model
_state: dict[str, Any] = {}  # kept by a worker process between rounds

Grid = Callable[[str, str, Amount], float]


def at_once(here: Conditions) -> int:
    """Number of runs at a time: one per host thread, or per GPU share."""
    return room(1, "cuda") if here.on_gpu else here.threads


@contextlib.contextmanager
def grid(here: Conditions, runs: int) -> Iterator[Grid]:
    """Start processes for ``runs`` side by side, kept alive for all rounds.

    Yields a function (model, task, amount) -> seconds per update: the time from the first run's first timed
    update to the last run's last one, divided by the number of timed updates of all runs.
    """
    context = get_context("spawn")  # a fork of a process with threads may hang
    alike = replace(here, threads=1), context.Barrier(runs)
    with ProcessPoolExecutor(runs, context, _prepare, alike) as pool:

        def time_round(model: str, task: str, amount: Amount) -> float:
            spans = list(pool.map(_timed_run, [(model, task, amount)] * runs))
            seconds = max(end for _, end in spans) - min(begin for begin, _ in spans)
            return seconds / (runs * amount.blocks * amount.size)

        yield time_round


def _prepare(here: Conditions, barrier: Any) -> None:
    here.take_effect()
    _state.update(here=here, barrier=barrier)


def _timed_run(subject: tuple[str, str, Amount]) -> tuple[float, float]:
    """Run once when all processes are ready; return (start, end) of the timed updates."""
    import copy

    from benchmark.speed.sides import ours
    from benchmark.speed.subjects import load

    here, (model_name, task_name, amount) = _state["here"], subject
    if _state.get("loaded") != subject:
        model, _, task = load(model_name, task_name, amount.total, here.device)
        _state.update(loaded=subject, model=model, task=task)
        ours(copy.deepcopy(model), task, Amount(0, 1, 1), here)  # warm-up
    model, task = copy.deepcopy(_state["model"]), _state["task"]
    _state["barrier"].wait(READY_SECONDS)
    stamps = ours(model, task, amount, here).stamps  # one system-wide clock, so processes can be compared
    return stamps[0], stamps[-1]
