"""Pulls towards the start of fine-tuning, shared by L2-SP, PriorWD and RecAdam."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import unknown
from benchmark.methods.base import Context, Method
from benchmark.methods.common.tensors import ANCHORS, copies, places, selected
from benchmark.models.architecture import Encoder
from benchmark.step.update import Number, Update, subtract


@dataclass
class Anchored(Method):
    """A method with anchors theta0, the weights at the start of fine-tuning.

    ``anchor`` is the ``clean`` checkpoint, or the weights after another method's noise (``perturbed``).
    Only weights of the checkpoint have an anchor: the head has none, nor has a pooler that the checkpoint lacks.
    Blocks that Re-init draws anew are in the checkpoint; they are anchored to their drawn weights.
    """

    constant: ClassVar[tuple[str, ...]] = ("anchors",)

    anchor: str = field(default="clean", kw_only=True)

    def __post_init__(self) -> None:
        if self.anchor not in ANCHORS:
            raise unknown("anchor", self.anchor, ANCHORS)

    def remember(self, model: PreTrainedModel, context: Context) -> None:
        self.anchors: dict[str, torch.Tensor] = {}
        if self.anchor == "clean":
            self.anchors = copies(context.encoder, self.pulled(context.encoder))

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        if self.anchor == "perturbed":
            self.anchors = copies(context.encoder, self.pulled(context.encoder))

    def pulled(self, encoder: Encoder) -> set[str]:
        """The names of the parameters that have an anchor."""
        raise NotImplementedError

    def pull_back(self, update: Update, length: Number) -> None:
        """theta <- theta - length * (theta - theta0)."""
        moves = isinstance(length, torch.Tensor) or bool(length)
        indices = places(update, self.anchors) if moves else []
        if indices:
            weights = selected(update.weights, indices)
            anchors = [self.anchors[update.names[index]] for index in indices]
            subtract(weights, list(torch._foreach_sub(weights, anchors)), length)
