"""FT+Noise: fine-tuning with Gaussian noise at one layer and nothing else.

Hua et al., "Noise Stability Regularization for Improving BERT Fine-tuning", NAACL 2021, Table 2: the ablation
that keeps LNSR's noise and drops its regulariser. There is one pass, and its loss is the task's. Section 5.1
adds the noise "to the output of a specific layer"; Algorithm 1, whose noise it keeps, adds it to a layer's
input. The paper gives neither sigma nor the layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from transformers import PreTrainedModel

from benchmark.errors import unknown
from benchmark.methods.base import Context
from benchmark.methods.common.hidden_noise import HiddenNoise, check_layer
from benchmark.methods.common.suits import check_own_layers
from benchmark.models.architecture import on_input, on_output

PLACES = ("output", "input")


@dataclass
class FTNoise(HiddenNoise):
    """Add N(0, sigma^2) to the states of one layer, in training only.

    It is layer ``layer`` (from 1), at its ``output`` or ``input``.
    """

    paper: ClassVar[str] = "Hua et al., NAACL 2021"
    cost: ClassVar[str] = "a draw per hidden unit of one layer"
    neutral: ClassVar[dict[str, Any] | None] = {"sigma": 0.0}
    not_captured = ""
    leaves_words_alone = True

    sigma: float = 1e-2
    layer: int = 1
    place: str = "output"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.place not in PLACES:
            raise unknown("place", self.place, PLACES)

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        super().attach(model, context)
        if self.sigma > 0:
            check_own_layers(context, f"layer={self.layer}")
        check_layer("layer", self.layer, context.encoder)
        if self.sigma > 0:
            hang = on_output if self.place == "output" else on_input
            self.perturb_in_training(context.encoder.layers[self.layer - 1], hang)
