"""Stages for steady updates: beside Trainer and plain PyTorch, and with every method."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Iterator
from typing import Any

import torch

from benchmark.speed import costs, counts, launches, limit
from benchmark.speed.conditions import Conditions
from benchmark.speed.markdown import time_of
from benchmark.speed.sides import Side, eager, ours, trainer
from benchmark.speed.stage import SHORT, Stage
from benchmark.speed.subjects import BATCH, load, method_of, timed_batches
from benchmark.speed.timing import Amount

TASKS = ("rte", "cola")
STAND_IN = ("embedded", "opinion")  # a model and task small enough for the stand-in
OURS = Amount(100, 8, 20)
THEIRS = Amount(20, 4, 20)
ALIKE = Amount(0, 1, 10)  # updates for comparing the losses of the sides before timing
# Least ratio of Trainer's time to ours, and largest ratio of a method's time to that of a vanilla update.
TIMES = {("minilm", "float32"): 5, ("minilm", "bfloat16"): 5, ("base_random", "bfloat16"): 4}
MOST = {"hype_n": 1.1, "hype_u": 1.1, "pats": 1.3, "lnsr": 2.1, "rdrop": 2.1, "r3f": 2.1}


def steady(stage: Stage, model_name: str, precision: str) -> None:
    """Report steady updates of all sides, one-time costs, and dispatched operations."""
    here = stage.conditions(precision)
    if stage.stand_in:
        count(stage, *STAND_IN, here)
        return
    for task_name in TASKS:
        with errors_reported(stage, task_name):
            task_updates(stage, model_name, task_name, here)
    for task_name in TASKS:
        with errors_reported(stage, task_name):
            count(stage, model_name, task_name, here)
    model, _, task = load(model_name, TASKS[0], 4, here.device)
    stage.say(f"{TASKS[0]}: {launches.of_update(model, task, here)}")


@contextlib.contextmanager
def errors_reported(stage: Stage, subject: str) -> Iterator[None]:
    """Report an error in the block in one line, and let the stage go on."""
    try:
        yield
    except Exception as error:
        logging.exception("%s", subject)
        stage.say(f"{SHORT}: {subject}: {' '.join(str(error).split())[:300]}")


def task_updates(stage: Stage, model_name: str, task_name: str, here: Conditions) -> None:
    """Report one task's steady updates, each figure as soon as it is known."""
    began = here.now()
    model, tokenizer, task = load(model_name, task_name, OURS.total, here.device)
    stage.say(f"{task_name}: model and data loaded in {here.now() - began:.1f} s")
    took = ours(copy.deepcopy(model), task, OURS, here)
    phases = ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in took.phases().items())
    stage.say(f"{task_name}: the first {OURS.warm} updates, set-up included, {took.before:.2f} s ({phases})")
    timed = timed_batches(task, OURS.warm, OURS.total - OURS.warm)
    share = limit.operations(model, task, timed) / took.update / limit.rate(model, task, BATCH, here)
    stage.say(
        f"{task_name}: **ours {time_of(took.update)} an update**, {took.once['replayed']:.0f} of {OURS.total} "
        f"replayed, {100 * share:.0f}% of the products' limit"
    )
    sides = {"Trainer": trainer(tokenizer, None, here), "padded eager PyTorch": eager(tokenizer, here)}
    for name, side in sides.items():
        with errors_reported(stage, f"{task_name}, {name}"):
            check_losses(stage, f"{task_name}, losses of {name}", model, task, side, here)
            theirs = side(copy.deepcopy(model), task, THEIRS).update
            ratio = theirs / took.update
            stage.say(f"{task_name}: {name} {time_of(theirs)} an update, {ratio:.2f} times ours")
            if name == "Trainer" and (least := TIMES.get((model_name, here.precision))):
                stage.target(f"{task_name}, updates for one of Trainer's", ratio, least=least)


def check_losses(stage: Stage, subject: str, model: Any, task: Any, side: Side, here: Conditions) -> None:
    """Check that a side makes our updates without dropout; this also warms it up."""
    still = copy.deepcopy(model)
    for module in still.modules():
        if hasattr(module, "p"):
            module.p = 0.0
    expected = ours(copy.deepcopy(still), task, ALIKE, here).losses
    losses = side(still, task, ALIKE).losses
    apart = float((abs(losses - expected) / (1 + abs(expected))).max())
    stage.target(f"{subject} without dropout are apart by", apart, most=here.tolerance)


def count(stage: Stage, model_name: str, task_name: str, here: Conditions) -> None:
    """Report the operations dispatched for an update."""
    host = here if here.on_gpu else Conditions(torch.device("cpu"), here.precision, 1)
    model, tokenizer, task = load(model_name, task_name, 1, host.device)
    eagerly = counts.of_eager(copy.deepcopy(model), tokenizer, task, host)
    on_device: Any = model.to(here.device)  # type: ignore[arg-type]
    operations = counts.of_ours(on_device, task, here)
    texts = [f"{kind} {n:,} ({rest:,} without views)" for kind, (n, rest) in operations.items()]
    stage.say(
        f"{task_name}, operations dispatched for an update: {', '.join(texts)}; padded eager PyTorch "
        f"{eagerly[0]:,} ({eagerly[1]:,})"
    )


def methods(stage: Stage) -> None:
    """Report each method's steady update relative to vanilla, the papers' methods first.

    On the stand-in, report operations in place of times.
    """
    here = stage.conditions("float32")
    if stage.stand_in:
        for name in costs.FIRST[:2]:
            model, _, task = load(*STAND_IN, 1, here.device)
            operations = counts.of_ours(model, task, here, method_of(name, here))
            stage.say(f"{name}: operations dispatched for an update {operations}")
        return
    names = costs.method_names()
    timed = []
    for name, ratio in costs.methods("minilm", here, names, rounds=1):
        timed.append(name)
        stage.say(f"{name}: {ratio:.2f}")
        if name in MOST:
            stage.target(f"{name} over plain", ratio, most=MOST[name])
        if stage.left < 6:
            break
    if len(timed) < len(names):
        stage.say(f"no time for {', '.join(names[len(timed) :])}")
