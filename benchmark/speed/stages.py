"""Stages of the GPU check, one per process: `python -m benchmark.speed.stages STAGE`.

A stage prints each line of Markdown as soon as it knows it. The lines stay if it is killed at its limit.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from benchmark.config.compose import ROOT
from benchmark.speed.stage import Stage


@contextlib.contextmanager
def stand_in(wanted: bool) -> Iterator[None]:
    """Provide the tests' stand-in for a GPU during the block, if ``wanted``."""
    if not wanted:
        yield
        return
    sys.path.insert(0, str(ROOT / "tests"))
    from helpers.accelerator import accelerator

    with accelerator():
        yield


def start(stage: Stage) -> None:
    """Report the one-time costs of a process: imports and the start of CUDA."""
    for module in ("torch", "transformers.trainer", "datasets", "benchmark.training.loop"):
        began = time.perf_counter()
        __import__(module)
        stage.say(f"import {module}: {time.perf_counter() - began:.1f} s")
    import torch

    device = stage.conditions("float32").device
    began = time.perf_counter()
    total = float(torch.ones(64, 64, device=device).sum())
    stage.say(f"first operation on the device: {time.perf_counter() - began:.1f} s")
    stage.target("a sum of 4096 ones is", total, 4096, 4096)


def steady(model: str, precision: str) -> Callable[[Stage], None]:
    """The stage for steady updates of ``model`` in ``precision``, beside Trainer's."""

    def run(stage: Stage) -> None:
        from benchmark.speed import comparing

        comparing.steady(stage, model, precision)

    return run


def tests(stage: Stage) -> None:
    """Run the tests that need a GPU."""
    from benchmark.speed import cuda_tests

    cuda_tests.tests(stage)


def grid(stage: Stage) -> None:
    """Time a grid of real runs."""
    from benchmark.speed import real_grid

    real_grid.grid(stage)


def methods(stage: Stage) -> None:
    """Time every method's update relative to vanilla."""
    from benchmark.speed import comparing

    comparing.methods(stage)


def several(stage: Stage) -> None:
    """Time several runs of a base-size encoder at once."""
    from benchmark.speed import sharing

    sharing.several(stage)


def compiled(stage: Stage) -> None:
    """Time Trainer with torch_compile=True."""
    from benchmark.speed import costs

    if stage.stand_in:
        stage.say("needs a GPU: not run")
    else:
        stage.say(costs.compiled("minilm", "rte", stage.conditions("float32")))


STAGES: dict[str, Callable[[Stage], None]] = {
    "start": start,
    "tests": tests,
    "minilm_float32": steady("minilm", "float32"),
    "minilm_bfloat16": steady("minilm", "bfloat16"),
    "base_bfloat16": steady("base_random", "bfloat16"),
    "base_float32": steady("base_random", "float32"),
    "grid": grid,
    "methods": methods,
    "several": several,
    "compiled": compiled,
}


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.speed.stages")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--until", type=float, required=True, help="by the system's monotonic clock")
    parser.add_argument("--stand-in", action="store_true")
    options = parser.parse_args()
    in_this_process = options.stand_in and options.stage not in ("tests", "grid")
    with stand_in(in_this_process):
        STAGES[options.stage](Stage(options.until, options.stand_in))


if __name__ == "__main__":
    main()
