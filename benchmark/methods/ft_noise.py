"""FT+Noise: fine-tuning with Gaussian noise at one layer and nothing else.

Hua et al., "Noise Stability Regularization for Improving BERT Fine-tuning", NAACL 2021, Table 2: the
ablation that keeps LNSR's noise and drops its regulariser. One pass, whose loss is the task's. The paper
does not give sigma.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from transformers import PreTrainedModel

from benchmark.methods.base import Context
from benchmark.methods.common.hidden_noise import HiddenNoise, check_layer
from benchmark.models.architecture import on_input


@dataclass
class FTNoise(HiddenNoise):
    """Add N(0, sigma^2) to the input of layer ``layer`` (from 1), in training only."""

    paper: ClassVar[str] = "Hua et al., NAACL 2021"
    cost: ClassVar[str] = "a draw per hidden unit of one layer"
    neutral: ClassVar[dict[str, Any] | None] = {"sigma": 0.0}
    not_captured = ""

    sigma: float = 1e-2
    layer: int = 1

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        super().attach(model, context)
        check_layer("layer", self.layer, context.encoder)
        if self.sigma > 0:
            self.perturb_in_training(context.encoder.layers[self.layer - 1], on_input)
