"""Number of operations that PyTorch dispatches for an update.

A GPU waits for them, and they can be counted without one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import DataCollatorWithPadding, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.speed.conditions import Conditions
from benchmark.speed.sides import eager_update, in_order, in_training
from benchmark.speed.subjects import BATCH, RATE
from benchmark.tasks import Task
from benchmark.training.graphs import GraphedLearner


class Counting(TorchDispatchMode):
    """Counter of dispatched operations: all of them, and all except views."""

    def __init__(self) -> None:
        super().__init__()
        self.all = self.without_views = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.all += 1
        self.without_views += not (getattr(func, "is_view", False) or func in SHAPES)
        return func(*args, **(kwargs or {}))


SHAPES = (torch.ops.aten._unsafe_view.default, torch.ops.aten.detach.default)


def counted(update: Callable[[], object]) -> tuple[int, int]:
    """Number of operations of ``update``: all, and all except views."""
    with Counting() as counting:
        update()
    return counting.all, counting.without_views


def of_ours(
    model: PreTrainedModel, task: Task, here: Conditions, method: dict[str, Any] | None = None
) -> dict[str, tuple[int, int]]:
    """Number of operations of a computed update and, if possible, of a replayed one."""
    training = in_training(model, task, here, 1000, method)
    learner = training.learner
    learner.survey()
    computing = learner.learner if isinstance(learner, GraphedLearner) else learner
    order = list(islice(training.course.batches(), 3))
    batch = order[0][1]  # always the same batch: one size
    for number in range(2):  # the first creates Adam's moments, the second is captured
        learner.update(number, batch)
    operations = {"computed": counted(lambda: computing.update(2, batch))}
    if isinstance(learner, GraphedLearner) and not learner.obstacle:
        replayed = learner.replayed
        operations["replayed"] = counted(lambda: learner.update(3, batch))
        assert learner.replayed == replayed + 1
    return operations


def of_eager(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: Task, here: Conditions
) -> tuple[int, int]:
    """Number of operations of an update of the plain padded PyTorch loop."""
    collate: Any = DataCollatorWithPadding(tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), RATE)
    model.train()
    examples = in_order(task, 1)[:BATCH]

    def update() -> None:
        eager_update(model, collate(examples).to(here.device), optimizer, here)

    update()
    return counted(update)
