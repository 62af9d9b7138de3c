"""Stage for several runs of a base-size encoder on one GPU, without and with MPS."""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from benchmark.config.compose import ROOT
from benchmark.speed.stage import Stage
from benchmark.speed.timing import Amount

MODEL, TASK, PRECISION = "base_random", "rte", "bfloat16"
AT_ONCE = (2, 4, 8)
BATCHES = 8  # few, so that each process captures their sizes soon
AMOUNT = Amount(24, 3, 10)
PATIENCE = 40  # seconds to wait for the other processes
LEAST = 50  # per cent of the card's measured products
CONTROL = "nvidia-cuda-mps-control"
_state: dict[str, Any] = {}


def several(stage: Stage) -> None:
    """Report several runs' share of the card's matrix products, without and with MPS."""
    if stage.stand_in:
        stage.say("needs a GPU: not run")
        return
    best = run_together(stage, os.environ.copy(), "taking turns", stage.left / 2)
    if not shutil.which(CONTROL):
        stage.say(f"no {CONTROL} on the PATH: not run with MPS")
    else:
        with mps() as environment:
            best = max(best, run_together(stage, environment, "with MPS", stage.left - 4))
    stage.target("per cent of the card's measured products, at best", best, least=LEAST)


def run_together(stage: Stage, environment: dict[str, str], mode: str, seconds: float) -> float:
    """Best share, in per cent, of processes in ``environment`` within ``seconds``."""
    command = [
        sys.executable,
        "-m",
        "benchmark.speed.stages",
        "together",
        "--until",
        str(time.monotonic() + seconds),
    ]
    best = 0.0
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=max(seconds, 1))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the whole group: its runs as well
        output, _ = process.communicate()
        stage.say(f"{mode}: cut off")
    for line in output.splitlines():
        runs, share, rate = line.split()
        best = max(best, float(share))
        stage.say(
            f"{mode}: {runs} runs at once, {float(rate):.1f} updates a second, {float(share):.0f}% of the products"
        )
    if process.returncode and not output:
        stage.say(f"{mode}: ended with status {process.returncode}")
    return best


@contextlib.contextmanager
def mps() -> Iterator[dict[str, str]]:
    """Run an MPS daemon of our own during the block; yield the environment for clients."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        quiet: Any = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        daemon = subprocess.Popen([CONTROL, "-f"], stdin=subprocess.DEVNULL, **quiet)
        try:
            yield environment
        finally:
            with contextlib.suppress(subprocess.SubprocessError):
                subprocess.run([CONTROL], input="quit\n", text=True, timeout=3, check=False, **quiet)
            daemon.kill()
            daemon.wait()


def together(stage: Stage) -> None:
    """Print lines of: number of runs, share in per cent, total updates per second."""
    from benchmark.speed import limit
    from benchmark.speed.subjects import load, timed_batches

    context = get_context("spawn")  # a process that has started CUDA cannot be forked
    most = max(AT_ONCE)
    with ProcessPoolExecutor(most, context, _prepare, (context.Barrier(most),)) as pool:
        started = list(pool.map(_load, range(most)))
        here = stage.conditions(PRECISION)
        model, _, task = load(MODEL, TASK, BATCHES, here.device)
        operations = limit.operations(
            model, task, timed_batches(task, AMOUNT.warm, AMOUNT.total - AMOUNT.warm)
        )
        products = limit.of_products(limit.SQUARE, limit.SQUARE, limit.SQUARE, here, repeats=2)
        for count in [1, *AT_ONCE]:
            seconds = [took for took in pool.map(_time_update, [(rank, count) for rank in started]) if took]
            rate = sum(1 / took for took in seconds)
            print(count, 100 * rate * operations / products, rate, flush=True)


def _prepare(barrier: Any) -> None:
    _state["barrier"] = barrier


def _load(rank: int) -> int:
    """Load the model in this process, wait for the others, and return ``rank``."""
    from benchmark.speed.conditions import conditions
    from benchmark.speed.sides import ours
    from benchmark.speed.subjects import load

    here = conditions("cuda", PRECISION, 1)
    here.take_effect()
    model, _, task = load(MODEL, TASK, BATCHES, here.device)
    ours(copy.deepcopy(model), task, Amount(0, 1, 1), here)  # warm-up
    _state.update(here=here, model=model, task=task)
    _state["barrier"].wait(PATIENCE)
    return rank


def _time_update(assignment: tuple[int, int]) -> float:
    """Seconds of an update in this process; 0 if it only waits.

    ``assignment`` is (rank, number of runs at once); ranks below the number compute.
    """
    from benchmark.speed.sides import ours

    rank, count = assignment
    _state["barrier"].wait(PATIENCE)
    if rank >= count:
        _state["barrier"].wait(PATIENCE)
        return 0.0
    seconds = ours(copy.deepcopy(_state["model"]), _state["task"], AMOUNT, _state["here"]).update
    _state["barrier"].wait(PATIENCE)
    return seconds
