"""LayerNorm tuning: train the normalisations and the head alone.

Zhao et al., "Tuning LayerNorm in Attention: Towards Efficient Multi-Modal LLM Finetuning", ICLR 2024. As in
BitFit, the few trained weights need a larger rate, so the protocol's rate is multiplied by a factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchmark.methods.base import Context
from benchmark.methods.common.partial import PartialTuning


@dataclass
class LayerNormTuning(PartialTuning):
    """Train normalisations and head at ``rate`` times the protocol's rate, and freeze all else."""

    paper: ClassVar[str] = "Zhao et al., ICLR 2024"
    cost: ClassVar[str] = "less than none: frozen weights need no gradients"

    rate: float = 50.0

    def part(self, context: Context) -> set[str]:
        return context.encoder.layer_norms()
