"""PriorWD: weight decay towards the pretrained weights instead of towards 0.

Zhang et al., "Revisiting Few-sample BERT Fine-tuning", ICLR 2021 (pre-trained weight decay), the decoupled
form of L2-SP: before every step of the optimiser,

    theta <- theta - rate * weight_decay * (theta - theta0).

The released code intends to decay the head to 0 and not to pull it, but compares a group's index with the
number of groups: the head is pulled to its random start as well (``fidelity: released``). It takes the pull
of a tensor from its weight decay, which biases and LayerNorms do not have, and sets the decay itself to 0;
here that is ``protocol.weight_decay=0``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.common.anchored import Anchored
from benchmark.methods.common.tensors import is_matrix, of_checkpoint
from benchmark.models.architecture import Encoder
from benchmark.step.update import Update

FIDELITIES = ("paper", "released")


@dataclass
class PriorWD(Anchored):
    """Pull weights to their start before every step.

    ``fidelity``: weights that the checkpoint lacks (the head, a missing pooler) are left alone (``paper``) or pulled
    to their random start (``released``).
    """

    paper: ClassVar[str] = "Zhang et al., ICLR 2021"
    cost: ClassVar[str] = "a copy of the weights that are pulled"
    neutral: ClassVar[dict[str, Any] | None] = {"weight_decay": 0.0}
    not_captured = ""

    weight_decay: float = 1e-3  # 0 is plain fine-tuning
    matrices_only: bool = True
    fidelity: str = "paper"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_decay < 0:
            raise BenchmarkError(f"weight_decay={self.weight_decay}: must be at least 0")
        if self.fidelity not in FIDELITIES:
            raise unknown("fidelity", self.fidelity, FIDELITIES)

    def pulled(self, encoder: Encoder) -> set[str]:
        if not self.weight_decay:
            return set()
        pretrained = of_checkpoint(encoder)
        return {
            name
            for name, weight in encoder.model.named_parameters()
            if (name in pretrained or self.fidelity == "released")
            and (is_matrix(name, weight) or not self.matrices_only)
        }

    def before(self, update: Update) -> None:
        self.pull_back(update, update.scheduled(self.length))

    def length(self, number: int, rate: float) -> float:
        """The share of the distance to the anchors by which weights are pulled."""
        return rate * self.weight_decay
