"""Layer-wise decay of the learning rate: lower layers learn less.

Clark et al., "ELECTRA: Pre-training Text Encoders as Discriminators Rather Than Generators", ICLR 2020
(fine-tuning details), and Zhang et al., "Revisiting Few-sample BERT Fine-tuning", ICLR 2021. Head and
pooler learn at the full rate, each layer at ``factor`` times the rate of the one above it, the embeddings
lowest. The factor is in the top layer's rate once in Zhang et al.'s code and twice in ELECTRA's (``top``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.common.suits import check_own_layers


@dataclass
class LayerDecay(Method):
    """Multiply rates by ``factor`` ** (``top`` + d), d layers below the top one."""

    paper: ClassVar[str] = "Clark et al., ICLR 2020; Zhang et al., ICLR 2021"
    cost: ClassVar[str] = "none"
    neutral: ClassVar[dict[str, Any] | None] = {"factor": 1.0}
    not_captured = ""
    leaves_words_alone = True

    factor: float = 0.95  # 1 is plain fine-tuning
    top: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.factor <= 1:
            raise BenchmarkError(f"factor={self.factor}: must be above 0 and at most 1")
        if self.top < 0:
            raise BenchmarkError(f"top={self.top}: must be at least 0")

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        if not self.idle:
            check_own_layers(context, f"factor={self.factor}")
        self.encoder = context.encoder

    def rate_factor(self, name: str) -> float:
        if self.encoder.in_head(name) or self.encoder.in_pooler(name):
            return 1.0
        depth = self.encoder.depth(name)
        # A parameter outside the layers feeds all of them: word, position and segment embeddings.
        below_top = len(self.encoder.layers) if depth is None else len(self.encoder.layers) - 1 - depth
        return self.factor ** (self.top + below_top)
