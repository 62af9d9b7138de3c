"""The gradient of a batch at another point: move the weights, repeat the passes, put the weights back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch

from benchmark.step.groups import ParameterGroup
from benchmark.step.update import Tensors


@dataclass
class Ascent:
    """The trained tensors that have a gradient, of all groups, before clipping."""

    names: list[str]
    weights: Tensors
    gradients: Tensors


class AscentHook(Protocol):
    """The hook before the gradient is taken at another point, explained in `benchmark.methods.base`."""

    def climb(self, ascent: Ascent) -> None: ...


@contextmanager
def moved(method: AscentHook, groups: Sequence[ParameterGroup]) -> Iterator[None]:
    """Move the weights as ``method`` says, for the block in which new gradients are made.

    The gradients there are cleared. After the block the weights have the same bits as before.
    """
    named = [pair for group in groups for pair in zip(group.names, group.parameters, strict=True)]
    with_gradient = [(name, weight) for name, weight in named if weight.grad is not None]
    weights: Tensors = [weight for _, weight in with_gradient]
    gradients: Tensors = [weight.grad for _, weight in with_gradient if weight.grad is not None]
    for _, weight in with_gradient:
        weight.grad = None
    with torch.no_grad():
        kept = [weight.clone() for weight in weights]
        method.climb(Ascent([name for name, _ in with_gradient], weights, gradients))
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(weights, kept)
