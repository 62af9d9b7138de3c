"""`python -m benchmark.speed`: time the loop beside `transformers.Trainer`, and what it costs to start."""

from __future__ import annotations

import argparse
import copy
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.command import carried_out
from benchmark.speed.timing import GRID, OURS, Timing

if TYPE_CHECKING:
    from benchmark.speed.grid import Grid

TASKS = ("rte", "mrpc", "cola", "stsb")
NOTES = "## Ideas tried"  # whatever stands in the file from here on is written by hand, and kept

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.speed", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer rounds, no methods: under 3 minutes")
    parser.add_argument("--model", default="minilm", help="a file of conf/model (default: minilm)")
    parser.add_argument("--tasks", default=",".join(TASKS), help="files of conf/task, by comma")
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all cores"
    )
    parser.add_argument("--output", type=Path, help="write the figures into this Markdown file as well")
    options = parser.parse_args(arguments)
    return carried_out(lambda: write(measure(options), options.output))


def write(report: str, path: Path | None) -> int:
    """Print the figures, and write them to ``path`` above what was written there by hand."""
    print(report)
    if path:
        _, heading, notes = path.read_text().partition(NOTES) if path.exists() else ("", "", "")
        path.write_text(f"{report}\n\n{heading}{notes}")
    return 0


def measure(options: argparse.Namespace) -> str:
    """All figures as Markdown; its last line is the summary."""
    import torch

    from benchmark import memory
    from benchmark.run import keep_quiet, make_reproducible
    from benchmark.speed import costs, render
    from benchmark.speed.grid import grid

    keep_quiet()
    memory.keep()
    make_reproducible(options.threads, "float32")
    torch.set_num_threads(options.threads)
    rounds, updates = (2, 2) if options.short else (3, 5)
    with grid(options.threads) as side_by_side:
        timings = {
            name: time_task(options.model, name, rounds, updates, side_by_side)
            for name in options.tasks.split(",")
        }
    starts = costs.starts()
    methods = {} if options.short else costs.methods(options.model)
    return render.markdown(options.model, options.threads, timings, starts, methods)


def time_task(model_name: str, task_name: str, rounds: int, updates: int, side_by_side: Grid) -> Timing:
    """One task's timing, the sides taking turns so that a drifting machine favours none of them."""
    from benchmark.speed import limit
    from benchmark.speed.sides import BATCH, LENGTH, load, ours, trainer

    model, tokenizer, task = load(model_name, task_name, updates)
    longest = min(LENGTH, tokenizer.model_max_length)
    sides = {
        OURS: ours,
        "Trainer, dynamic padding": trainer(tokenizer, None),
        f"Trainer, padded to {longest}": trainer(tokenizer, longest),
    }
    check_same_losses(model, task, sides)  # which warms all of them up as well
    side_by_side(model_name, task_name, updates)
    timing = Timing(updates, sum(map(len, task.training.ids)), limit.operations(model, task))
    for number in range(rounds):
        for name, side in sides.items():
            timing.seconds.setdefault(name, []).append(side(copy.deepcopy(model), task).seconds)
        timing.seconds.setdefault(GRID, []).append(side_by_side(model_name, task_name, updates))
        timing.limit.append(limit.rate(model, task, BATCH))
        print(f"{task_name}: round {number + 1} of {rounds}", file=sys.stderr)
    return timing


def check_same_losses(model: Any, task: Any, sides: dict[str, Any]) -> None:
    """Without dropout, all sides must make the same updates: as many, with the same losses.

    Raises: AssertionError if they do not; the comparison would be worthless.
    """
    still = copy.deepcopy(model)
    for module in still.modules():
        if hasattr(module, "p"):
            module.p = 0.0
    losses = {name: side(copy.deepcopy(still), task).losses for name, side in sides.items()}
    for name, found in losses.items():
        np.testing.assert_allclose(found, losses[OURS], atol=2e-3, err_msg=f"{name} against ours")


if __name__ == "__main__":
    sys.exit(main())
