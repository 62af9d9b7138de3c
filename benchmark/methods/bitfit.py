"""BitFit: train the biases and the head alone.

Ben-Zaken et al., "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked
Language-models", ACL 2022. Everything else keeps the checkpoint's values. Biases need larger rates than a
whole model (1e-4 to 1e-3), so the method multiplies the protocol's rate by a factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchmark.methods.base import Context
from benchmark.methods.common.partial import PartialTuning


@dataclass
class BitFit(PartialTuning):
    """Train biases and head at ``rate`` times the protocol's rate, and freeze all else."""

    paper: ClassVar[str] = "Ben-Zaken et al., ACL 2022"
    cost: ClassVar[str] = "less than none: frozen weights need no gradients"

    rate: float = 20.0

    def part(self, context: Context) -> set[str]:
        return {name for name, _ in context.encoder.model.named_parameters() if name.endswith("bias")}
