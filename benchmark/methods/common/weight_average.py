"""Evaluation of a mean of the weights in their place, for EMA and SWA."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.methods.base import Context, Method
from benchmark.methods.common.evaluated import replaced
from benchmark.step.update import Tensors, Update


@dataclass
class WeightAverage(Method):
    """Evaluate a mean of the weights; training goes on from the weights themselves.

    Probes see the weights, snapshots keep both.
    """

    cost: ClassVar[str] = "a running mean per weight and update"
    not_captured = ""

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.means: dict[str, torch.Tensor] = {}
        self.total = 0

    def share(self, number: int, total: int) -> float:
        """The weight of update ``number`` of ``total`` (from 1) in the new mean; 1 forgets the old mean."""
        raise NotImplementedError

    def share_at(self, number: int, rate: float) -> float:
        """The share in the form of `Update.scheduled`, which identifies a changing number by its function."""
        return self.share(number, self.total)

    def after(self, update: Update) -> None:
        if self.idle:
            return
        for name, weight in zip(update.names, update.weights, strict=True):
            if name not in self.means:
                self.means[name] = weight.detach().clone()
        means: Tensors = [self.means[name] for name in update.names]
        self.total = update.total
        share = update.scheduled(self.share_at)
        if isinstance(share, float):
            torch._foreach_lerp_(means, update.weights, share)
        else:
            torch._foreach_add_(means, torch._foreach_mul(torch._foreach_sub(update.weights, means), share))

    def evaluated(self, model: nn.Module) -> AbstractContextManager[None]:
        return replaced(model, self.means)
