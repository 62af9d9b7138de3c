"""Stage for several runs of a base-size encoder on one GPU: taking turns, and side by side by MPS."""

from __future__ import annotations

import copy
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from typing import Any

from benchmark.engines.mps import mps
from benchmark.runs.forking import FIRST
from benchmark.speed.stage import SHORT, Stage
from benchmark.speed.timing import Amount

MODEL, TASK, PRECISION = "base_random", "rte", "bfloat16"
TURNS, SIDE_BY_SIDE = (1, 4), (1, 2, 4, 8)  # runs at once
BATCHES = 8  # few, so that each process captures their sizes soon
AMOUNT = Amount(24, 3, 10)
PATIENCE = 40  # seconds to wait for the other processes
LEAST = 50  # per cent of the limit of the products
HEAVY = [*FIRST, "benchmark.speed.limit", "benchmark.speed.sides", "benchmark.speed.subjects"]
_state: dict[str, Any] = {}


def several(stage: Stage) -> None:
    """Report several runs' share of the products' limit, without and with MPS."""
    if stage.stand_in:
        stage.say("needs a GPU: not run")
        return
    context = get_context("forkserver")  # it imports once, and starts no CUDA, which no child could use
    context.set_forkserver_preload(HEAVY)
    best = run_together(stage, context, "taking turns", TURNS, {})
    with mps() as environment:
        if environment is None:
            stage.say(f"{SHORT}: there is no CUDA MPS")
        else:
            best = max(
                best, run_together(stage, context, "side by side (CUDA MPS)", SIDE_BY_SIDE, environment)
            )
    stage.target("per cent of the products' limit, at best", best, least=LEAST)


def run_together(
    stage: Stage, context: BaseContext, mode: str, numbers: tuple[int, ...], environment: dict[str, str]
) -> float:
    """Best share of the limit, in per cent, of ``numbers`` of runs in an ``environment``."""
    best, most, began = 0.0, max(numbers), time.monotonic()
    barrier = context.Barrier(most)
    with ProcessPoolExecutor(most, context, _prepare, (barrier, environment)) as pool:
        operations, limit, square = next(found for found in pool.map(_load, range(most)) if found)
        stage.say(f"{mode}: {most} processes ready after {time.monotonic() - began:.1f} s")
        for number in numbers:
            computing = [rank < number for rank in range(most)]
            seconds = [took for took in pool.map(_time_update, computing) if took]
            rate = sum(1 / took for took in seconds)
            best = max(best, 100 * rate * operations / limit)
            stage.say(
                f"{mode}: {number} runs at once, {rate:.1f} updates a second, "
                f"{100 * rate * operations / limit:.0f}% of the products' limit "
                f"({100 * rate * operations / square:.0f}% of that of very large products)"
            )
    return best


def _prepare(barrier: Any, environment: dict[str, str]) -> None:
    os.environ |= environment
    _state["barrier"] = barrier


def _load(rank: int) -> tuple[float, float, float] | None:
    """Load the model in this process and wait for the others.

    The first returns the operations of an update, and per second of its and of large products.
    """
    from benchmark.speed import limit
    from benchmark.speed.conditions import conditions
    from benchmark.speed.sides import ours
    from benchmark.speed.subjects import BATCH, load, timed_batches

    here = conditions("cuda", PRECISION, 1)
    here.take_effect()
    model, _, task = load(MODEL, TASK, BATCHES, here.device)
    ours(copy.deepcopy(model), task, Amount(0, 1, 1), here)  # warm-up
    _state.update(here=here, model=model, task=task)
    _state["barrier"].wait(PATIENCE)
    limits = None
    if rank == 0:
        timed = timed_batches(task, AMOUNT.warm, AMOUNT.total - AMOUNT.warm)
        square = limit.of_products(limit.SQUARE, limit.SQUARE, limit.SQUARE, here, repeats=2)
        limits = limit.operations(model, task, timed), limit.rate(model, task, BATCH, here), square
    _state["barrier"].wait(PATIENCE)
    return limits


def _time_update(computes: bool) -> float:
    """Seconds of an update in this process beside others; 0 if it only waits for them."""
    from benchmark.speed.sides import ours

    seconds = 0.0
    _state["barrier"].wait(PATIENCE)
    if computes:
        seconds = ours(copy.deepcopy(_state["model"]), _state["task"], AMOUNT, _state["here"]).update
    _state["barrier"].wait(PATIENCE)
    return seconds
