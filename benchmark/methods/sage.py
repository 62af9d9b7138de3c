"""SAGE: scale the learning rate of each weight by the change of its sensitivity.

Liang et al., "No Parameters Left Behind: Sensitivity Guided Adaptive Learning Rate for Training Large
Transformer Models", ICLR 2022, section 3. With I = |theta * g| and its running mean M = beta0 * M + (1 -
beta0) * I, the rate of every weight is multiplied by

    (|I - M| + epsilon) / (M + epsilon),

on the matrices and biases of attention and feed-forward. Embeddings, LayerNorms, pooler and head follow the
plain optimiser. The released code guards the denominator alone (``fidelity: released``), with the square of
Adam's epsilon. Its AdamW corrects M for its start at 0 (``bias_correction``), which makes the first update 0;
its Adamax does not. Its AdamW decays weights by the peak rate for every schedule; here they decay by the
scheduled rate. Its Adamax is the optimiser ``adamax_mtdnn``, whose decay is part of the update and is
multiplied with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context, Method
from benchmark.methods.common.sensitivity import Sensitivity
from benchmark.methods.common.tensors import in_layers, selected
from benchmark.step.update import Update

FIDELITIES = ("paper", "released")


@dataclass
class SAGE(Method):
    """Multiply each weight's rate by the relative distance of its sensitivity from its running mean.

    ``epsilon`` guards both sides of the ratio (``fidelity: paper``) or its denominator (``released``).
    """

    paper: ClassVar[str] = "Liang et al., ICLR 2022"
    cost: ClassVar[str] = "a running mean per weight"
    not_captured = ""
    leaves_words_alone = True

    beta: float = 0.75  # beta0
    epsilon: float = 1e-12
    fidelity: str = "paper"
    bias_correction: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.beta < 1:
            raise BenchmarkError(f"beta={self.beta}: beta0 must be at least 0 and below 1")
        if self.epsilon <= 0:
            raise BenchmarkError(f"epsilon={self.epsilon}: must be above 0, or an unused weight becomes 0/0")
        if self.fidelity not in FIDELITIES:
            raise unknown("fidelity", self.fidelity, FIDELITIES)

    @property
    def exempt(self) -> dict[str, str]:
        return {"neutral": "a rate by sensitivity has no strength to set to 0"}

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.sensitivity = Sensitivity(in_layers(context.encoder, norms=False), self.beta)

    def correction(self, number: int, rate: float) -> float:
        """The share of its final size that the running mean has after ``number`` updates."""
        return 1 - self.beta**number

    def direction(self, update: Update) -> None:
        indices, now = self.sensitivity.see(update)
        if not indices:
            return
        means = self.sensitivity.of(update, indices)
        if self.bias_correction:
            means = list(torch._foreach_div(means, update.scheduled(self.correction)))
        torch._foreach_sub_(now, means)
        torch._foreach_abs_(now)
        if self.fidelity == "paper":
            torch._foreach_add_(now, self.epsilon)
        torch._foreach_div_(now, torch._foreach_add(means, self.epsilon))
        torch._foreach_mul_(selected(update.directions, indices), now)
