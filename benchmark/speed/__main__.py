"""`python -m benchmark.speed`: time updates and start-up, beside `transformers.Trainer` and PyTorch."""

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

from benchmark.command import carried_out, plain_parser
from benchmark.config.schema import PRECISIONS
from benchmark.places import in_home
from benchmark.speed.timing import GRID, OURS, PLAIN, Amount, Timing

if TYPE_CHECKING:
    from benchmark.speed.conditions import Conditions
    from benchmark.speed.side_by_side import Grid
    from benchmark.speed.sides import Side

TASKS = ("rte", "mrpc", "cola", "stsb")
NOTES = "## Ideas tried"  # from this heading on, the file is written by hand and kept

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = plain_parser("benchmark.speed", __doc__)
    parser.add_argument("--short", action="store_true", help="fewer rounds, no methods: under 3 minutes")
    parser.add_argument(
        "--model", default="minilm", help="a file of conf/model, or base_random (default: minilm)"
    )
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
    parser.add_argument(
        "--computed", action="store_true", help="our updates as runs with replay=false have them"
    )
    parser.add_argument("--output", type=in_home, help="write the figures into this Markdown file as well")
    options = parser.parse_args(arguments)
    return carried_out(lambda: write(measure(options), options.output))


def device(name: str) -> str:
    """``name``, if it is a valid device name. Raises: argparse.ArgumentTypeError."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise argparse.ArgumentTypeError(f"{name!r}: choose from auto, cpu, cuda, cuda:N")
    return name


def write(report: str, path: Path | None) -> int:
    """Print the figures, and write them to ``path`` above its hand-written notes."""
    print(report)
    if path:
        _, heading, notes = path.read_text().partition(NOTES) if path.exists() else ("", "", "")
        path.write_text(f"{report}\n\n{heading}{notes}")
    return 0


def measure(options: argparse.Namespace) -> str:
    """Measure everything; the figures as Markdown, with the summary in the last line."""
    from benchmark.speed import costs, markdown, starting
    from benchmark.speed.conditions import conditions
    from benchmark.speed.side_by_side import at_once, grid

    replay = False if options.computed else None
    here = conditions(options.device, options.precision, options.threads, replay)
    here.take_effect()
    rounds, amount = amounts(options.short, here.on_gpu)
    runs = at_once(here)
    with grid(here, runs) as side_by_side:
        timings = {
            name: time_task(options.model, name, here, rounds, amount, side_by_side)
            for name in options.tasks.split(",")
        }
    commands = markdown.table(starting.HEADER, starting.starts())
    starts = costs.starts(here) | next(iter(timings.values())).once
    if options.short:
        return markdown.markdown(options.model, here, runs, timings, starts, {}, [*commands, ""])
    methods = dict(costs.methods(options.model, here, costs.method_names()))
    few = [] if here.on_gpu else ["data.count=64"]
    made, hourly = costs.runs_per_hour(here, *few)
    notes = [
        *commands,
        "",
        f"a grid of {made} MiniLM runs, start to report{' (64 examples each)' * len(few)}: {hourly:.0f} an hour",
    ]
    if here.on_gpu:
        notes.append(costs.compiled(options.model, options.tasks.partition(",")[0], here))
    return markdown.markdown(options.model, here, runs, timings, starts, methods, notes)


def amounts(short: bool, on_gpu: bool) -> tuple[int, Amount]:
    """Number of rounds, and updates per round.

    A GPU needs more warm updates, because there are many sizes to capture; each takes only milliseconds.
    """
    if on_gpu:
        return (1, Amount(100, 5, 20)) if short else (3, Amount(100, 10, 20))
    return (2, Amount(1, 1, 1)) if short else (3, Amount(1, 1, 4))


def time_task(
    model_name: str, task_name: str, here: Conditions, rounds: int, amount: Amount, side_by_side: Grid
) -> Timing:
    """Time one task on all sides; they take turns, so that machine drift favours none."""
    from benchmark.speed import counts, limit
    from benchmark.speed.sides import eager, ours, trainer
    from benchmark.speed.subjects import BATCH, LENGTH, load, timed_batches

    began = here.now()
    model, tokenizer, task = load(model_name, task_name, amount.total, here.device)
    loading = here.now() - began
    longest = min(LENGTH, tokenizer.model_max_length)
    sides: dict[str, Side] = {
        OURS: partial(ours, here=here),
        "Trainer, dynamic padding": trainer(tokenizer, None, here),
        f"Trainer, padded to {longest}": trainer(tokenizer, longest, here),
        PLAIN: eager(tokenizer, here),
    }
    few = Amount(0, 1, min(amount.total, 20))
    apart = check_same_losses(model, task, sides, few, here.tolerance)  # it also warms up all sides
    side_by_side(model_name, task_name, amount)
    timed = timed_batches(task, amount.warm, amount.total - amount.warm)
    tokens = sum(len(task.training.ids[index]) for batch in timed for index in batch) / len(timed)
    timing = Timing(amount.warm, len(timed), tokens, limit.operations(model, task, timed), apart=apart)
    for number in range(rounds):
        for name, side in sides.items():
            took = side(copy.deepcopy(model), task, amount)
            timing.seconds.setdefault(name, []).append(took.update)
            if name == OURS and not number:
                timing.once = {f"load model and data ({task_name})": loading, **took.phases()}
        timing.seconds.setdefault(GRID, []).append(side_by_side(model_name, task_name, amount))
        timing.limit.append(limit.rate(model, task, BATCH, here))
        print(f"{task_name}: round {number + 1} of {rounds}", file=sys.stderr)
    counted = counts.of_ours(copy.deepcopy(model), task, here)
    timing.dispatched = {f"ours, {kind}": operations for kind, operations in counted.items()}
    timing.dispatched[PLAIN] = counts.of_eager(copy.deepcopy(model), tokenizer, task, here)
    timing.once |= evaluated(model_name, task_name, here)
    return timing


def evaluated(model_name: str, task_name: str, here: Conditions) -> dict[str, float]:
    """The seconds of one evaluation of a task."""
    from benchmark.speed.subjects import load
    from benchmark.training.evaluation import evaluate

    model, _, task = load(model_name, task_name, 1, here.device, evaluated=True)
    began = here.now()
    evaluate(model, task, here.precision, here.device)
    return {f"an evaluation ({task_name})": here.now() - began}


def check_same_losses(model: Any, task: Any, sides: dict[str, Side], amount: Amount, within: float) -> float:
    """The largest difference between our losses and those of the other sides, all without dropout.

    Without dropout all sides must make the same updates, or the comparison would be worthless. The difference
    is |theirs - ours| / (1 + |ours|), so both absolute and relative.
    Raises: AssertionError if a side makes more or fewer updates, or if losses differ by more than ``within``.
    """
    losses = {name: side(without_dropout(model), task, amount).losses for name, side in sides.items()}
    for name, values in losses.items():
        np.testing.assert_allclose(
            values, losses[OURS], rtol=within, atol=within, err_msg=f"{name} against ours"
        )
    expected = losses[OURS]
    return max(float(np.max(abs(values - expected) / (1 + abs(expected)))) for values in losses.values())


def without_dropout(model: Any) -> Any:
    """A copy of ``model`` with all dropout rates 0."""
    from benchmark.methods.no_dropout import switch_off_dropout

    still = copy.deepcopy(model)
    switch_off_dropout(still, attention=True)
    return still


if __name__ == "__main__":
    sys.exit(main())
