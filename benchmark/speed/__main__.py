"""`python -m benchmark.speed`: time the loop beside `transformers.Trainer`, and what it costs to start."""

from __future__ import annotations

import argparse
import copy
import logging
import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.command import carried_out
from benchmark.config.schema import PRECISIONS
from benchmark.speed.timing import GRID, OURS, Timing

if TYPE_CHECKING:
    from benchmark.speed.conditions import Conditions
    from benchmark.speed.side_by_side import Grid

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
    parser.add_argument(
        "--device",
        type=device,
        default="auto",
        help="auto (default: the GPU when there is one), cpu, cuda or cuda:N",
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="default: float32")
    parser.add_argument("--replay", action="store_true", help="our passes as runs with replay=true have them")
    parser.add_argument("--output", type=Path, help="write the figures into this Markdown file as well")
    options = parser.parse_args(arguments)
    return carried_out(lambda: write(measure(options), options.output))


def device(name: str) -> str:
    """``name`` if a device may be called so."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise argparse.ArgumentTypeError(f"{name!r}: choose from auto, cpu, cuda, cuda:N")
    return name


def write(report: str, path: Path | None) -> int:
    """Print the figures, and write them to ``path`` above what was written there by hand."""
    print(report)
    if path:
        _, heading, notes = path.read_text().partition(NOTES) if path.exists() else ("", "", "")
        path.write_text(f"{report}\n\n{heading}{notes}")
    return 0


def measure(options: argparse.Namespace) -> str:
    """All figures as Markdown; its last line is the summary."""
    from benchmark.speed import costs, markdown
    from benchmark.speed.conditions import conditions
    from benchmark.speed.side_by_side import at_once, grid

    here = conditions(options.device, options.precision, options.threads, options.replay)
    here.take_effect()
    rounds, updates = amount(options.short, here.on_gpu)
    runs = at_once(here)
    with grid(here, runs) as side_by_side:
        timings = {
            name: time_task(options.model, name, here, rounds, updates, side_by_side)
            for name in options.tasks.split(",")
        }
    starts = costs.starts(here)
    methods = {} if options.short else costs.methods(options.model, here)
    return markdown.markdown(options.model, here, runs, timings, starts, methods)


def amount(short: bool, on_gpu: bool) -> tuple[int, int]:
    """How many rounds, and how many updates of a round; those of a GPU take milliseconds."""
    if on_gpu:
        return (3, 20) if short else (5, 60)
    return (2, 2) if short else (3, 5)


def time_task(
    model_name: str, task_name: str, here: Conditions, rounds: int, updates: int, side_by_side: Grid
) -> Timing:
    """One task's timing, the sides taking turns so that a drifting machine favours none of them."""
    from benchmark.speed import limit
    from benchmark.speed.sides import BATCH, LENGTH, Side, load, ours, trainer

    model, tokenizer, task = load(model_name, task_name, updates, here.device)
    longest = min(LENGTH, tokenizer.model_max_length)
    sides: dict[str, Side] = {
        OURS: partial(ours, here=here),
        "Trainer, dynamic padding": trainer(tokenizer, None, here),
        f"Trainer, padded to {longest}": trainer(tokenizer, longest, here),
    }
    apart = check_same_losses(model, task, sides, here.tolerance)  # which warms all of them up as well
    side_by_side(model_name, task_name, updates)
    done = -(-len(task.training) // BATCH)
    timing = Timing(done, sum(map(len, task.training.ids)), limit.operations(model, task), apart=apart)
    for number in range(rounds):
        for name, side in sides.items():
            timing.seconds.setdefault(name, []).append(side(copy.deepcopy(model), task).seconds)
        timing.seconds.setdefault(GRID, []).append(side_by_side(model_name, task_name, updates))
        timing.limit.append(limit.rate(model, task, BATCH, here))
        print(f"{task_name}: round {number + 1} of {rounds}", file=sys.stderr)
    return timing


def check_same_losses(model: Any, task: Any, sides: dict[str, Any], within: float) -> float:
    """How far apart the sides' losses are, absolutely and relatively; without dropout they make the same updates.

    Raises: AssertionError if they make more or fewer, or are further apart than ``within``; the comparison would
    be worthless.
    """
    losses = {name: side(without_dropout(model), task).losses for name, side in sides.items()}
    for name, found in losses.items():
        np.testing.assert_allclose(
            found, losses[OURS], rtol=within, atol=within, err_msg=f"{name} against ours"
        )
    expected = losses[OURS]
    return max(float(np.max(abs(found - expected) / (1 + abs(expected)))) for found in losses.values())


def without_dropout(model: Any) -> Any:
    """A copy of ``model`` that drops nothing."""
    still = copy.deepcopy(model)
    for module in still.modules():
        if hasattr(module, "p"):
            module.p = 0.0
    return still


if __name__ == "__main__":
    sys.exit(main())
