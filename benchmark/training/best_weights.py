"""The weights of a run's best evaluation on a named set: ``protocol.selection`` is the name of the set.

Sets that are scored after the last update alone are then scored with these weights, as XTREME's scripts do with its
English development set. The copy lies in main memory, and in the run's snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from benchmark.config.schema import SELECTIONS
from benchmark.errors import BenchmarkError
from benchmark.records.record import Evaluation
from benchmark.tasks import Task

Weights = dict[str, torch.Tensor]


def chosen_by(selection: str, task: Task) -> str | None:
    """The set that decides which weights are kept; None if none are.

    Raises: BenchmarkError for a set without gold labels.
    """
    if selection in SELECTIONS or not task.last_only:
        return None
    names = [name for name in task.evaluation if task.groups.get(name, name) == selection]
    if unscored := [name for name in names if not task.evaluation[name].labelled]:
        raise BenchmarkError(f"protocol.selection={selection}: {unscored[0]} has no gold labels to choose by")
    return selection


def is_best(curve: list[Evaluation], name: str) -> bool:
    """True if the last evaluation of ``curve`` is the best on a set.

    The set's first metric decides. Between equal evaluations, the first counts as the best.
    """
    metric = next(iter(curve[-1].scores[name]))
    scores = [entry.scores[name][metric] for entry in curve]
    return scores.index(max(scores)) == len(scores) - 1


def trained(model: nn.Module) -> Weights:
    """The weights and buffers of ``model`` by name, without frozen parameters; not copied."""
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


def copied(model: nn.Module) -> Weights:
    """A copy of what `trained` gives, in main memory."""
    return {name: value.detach().to("cpu", copy=True) for name, value in trained(model).items()}


@contextmanager
def replaced(model: nn.Module, weights: Weights) -> Iterator[None]:
    """Put ``weights`` in place of the model's own for the block."""
    own = copied(model)
    try:
        model.load_state_dict(weights, strict=False)
        yield
    finally:
        model.load_state_dict(own, strict=False)
