"""Re-init: draw the pooler and the top blocks of the encoder anew before fine-tuning.

Zhang et al., "Revisiting Few-sample BERT Fine-tuning", ICLR 2021, section 5: linear weights N(0, 0.02^2),
biases 0, LayerNorm 1 and 0. RoBERTa-like encoders have no pooler; the corresponding layer is part of the
head, which is drawn anyway. XLNet's attention keeps its weights in plain tensors: those of two dimensions or
more are drawn like linear weights, as that model's own initialisation does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.common.suits import check_own_layers
from benchmark.models.architecture import Encoder


@dataclass
class ReInit(Method):
    """Re-initialise the top ``layers`` blocks, and with them the pooler."""

    paper: ClassVar[str] = "Zhang et al., ICLR 2021"
    cost: ClassVar[str] = "one draw per weight drawn anew, before training"
    neutral: ClassVar[dict[str, Any] | None] = {"layers": 0}
    not_captured = ""
    leaves_words_alone = True

    layers: int = 5  # 0 is plain fine-tuning, pooler included
    pooler: bool = True
    std: float = 0.02

    def __post_init__(self) -> None:
        if self.layers < 0:
            raise BenchmarkError(f"layers={self.layers}: the number of blocks must be at least 0")
        if self.std < 0:
            raise BenchmarkError(f"std={self.std}: a standard deviation must be at least 0")

    @torch.no_grad()
    def initialise(self, model: PreTrainedModel, context: Context) -> None:
        encoder = context.encoder
        if self.layers:
            check_own_layers(context, f"layers={self.layers}")
        if self.layers > len(encoder.layers):
            raise BenchmarkError(f"layers={self.layers}: the encoder has {len(encoder.layers)} layers")
        if self.layers == 0:
            return
        rng = context.stream()
        norms = encoder.layer_norms()
        for name, parameter in self.chosen(model, encoder):
            if parameter.ndim >= 2:
                parameter.copy_(self.draw(parameter, rng))
            else:
                parameter.fill_(1.0 if name in norms and name.endswith("weight") else 0.0)

    def chosen(self, model: PreTrainedModel, encoder: Encoder) -> Iterator[tuple[str, torch.Tensor]]:
        """The parameters to re-initialise, by name."""
        lowest = len(encoder.layers) - self.layers
        for name, parameter in model.named_parameters():
            depth = encoder.depth(name)
            if (depth is not None and depth >= lowest) or (self.pooler and encoder.in_pooler(name)):
                yield name, parameter

    def draw(self, weight: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """N(0, std^2) of the shape of ``weight``, float32 on the CPU for every device."""
        return self.std * torch.randn(weight.shape, generator=rng)
