"""PriorWD: weight decay towards the pretrained weights instead of towards 0.

Zhang et al., "Revisiting Few-sample BERT Fine-tuning", ICLR 2021 (pre-trained weight decay), the decoupled
form of L2-SP: before every step of the optimiser,

    theta <- theta - rate * weight_decay * (theta - theta0).

The released code means to leave the head's group out of the pull and to decay it to 0, but compares a
group's index with the number of groups, so that the head is pulled to its random start as well
(``fidelity: released``). It takes the pull of a tensor from its weight decay, which biases and
LayerNorms do not have, and sets the decay itself to 0; here that is ``protocol.weight_decay=0``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.architecture import Encoder
from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Method, Setting
from benchmark.methods.selection import ANCHORS, at, copies, in_encoder, is_matrix, places
from benchmark.optimizers import Update

FIDELITIES = ("paper", "released")


@dataclass
class PriorWD(Method):
    """Pull weights to their start before every step.

    ``fidelity``: the head is left alone (``paper``) or pulled to its random start (``released``).
    ``anchor``: theta0 is the ``clean`` checkpoint, or what a method that perturbs weights left
    (``perturbed``).
    """

    paper: ClassVar[str] = "Zhang et al., ICLR 2021"
    cost: ClassVar[str] = "a copy of the weights that are pulled"

    weight_decay: float = 1e-3  # 0 is plain fine-tuning
    matrices_only: bool = True
    fidelity: str = "paper"
    anchor: str = "clean"

    def __post_init__(self) -> None:
        if self.weight_decay < 0:
            raise BenchmarkError(f"weight_decay={self.weight_decay}: must be at least 0")
        if self.fidelity not in FIDELITIES:
            raise unknown("fidelity", self.fidelity, FIDELITIES)
        if self.anchor not in ANCHORS:
            raise unknown("anchor", self.anchor, ANCHORS)

    def remember(self, model: PreTrainedModel, setting: Setting) -> None:
        self.anchors: dict[str, torch.Tensor] = {}
        if self.anchor == "clean":
            self.keep(setting.encoder)

    def attach(self, model: PreTrainedModel, setting: Setting) -> None:
        if self.anchor == "perturbed":
            self.keep(setting.encoder)

    def keep(self, encoder: Encoder) -> None:
        """Copy theta0."""
        self.anchors = copies(encoder, self.pulled(encoder)) if self.weight_decay else {}

    def pulled(self, encoder: Encoder) -> set[str]:
        """The names of the parameters to pull."""
        pretrained = in_encoder(encoder)
        return {
            name
            for name, weight in encoder.model.named_parameters()
            if (name in pretrained or self.fidelity == "released")
            and (is_matrix(name, weight) or not self.matrices_only)
        }

    def direction(self, update: Update) -> None:
        length = update.rate * self.weight_decay
        indices = places(update, self.anchors) if length else []
        if indices:
            weights = at(update.weights, indices)
            anchors = [self.anchors[update.names[index]] for index in indices]
            torch._foreach_add_(weights, torch._foreach_sub(weights, anchors), alpha=-length)
