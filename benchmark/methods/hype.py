"""HyPe: noise on the hidden states that enter every encoder layer, in training only.

Yuan et al., "HyPe: Better Pre-trained Language Model Fine-tuning with Hidden Representation
Perturbation", ACL 2023. Section 3: h_i = g_i(h_{i-1} + eps_i), drawn anew per layer, position, unit and
step; eps ~ N(0, sigma^2) (HyPe-N) or U(-sigma, sigma) (HyPe-U). The noised input feeds both the attention
and the residual branch; the output of the last layer stays clean.

The released code draws sigma * U[0, 1) for HyPe-U (``uniform01`` here), and its "no dropout" is only
the configuration's hidden dropout: the dropout of attention weights stays on (XLNet has one value for
both, so both are off). In that code an empty list of layers means all of them; here it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context
from benchmark.methods.common.hidden_noise import HiddenNoise, check_layer
from benchmark.methods.common.suits import check_own_layers
from benchmark.methods.no_dropout import switch_off_dropout
from benchmark.models.architecture import on_input, on_output

NOISES = ("normal", "uniform", "uniform01")
POSITIONS = ("between", "inside", "both")


@dataclass
class HyPe(HiddenNoise):
    """Add noise of strength ``sigma`` between the encoder layers.

    ``noise`` is ``normal`` (HyPe-N), ``uniform`` (HyPe-U as the paper defines it) or ``uniform01`` (as
    released). ``position`` is ``between`` the layers (the method), ``inside`` them, on the output of the
    attention block (Appendix G), or ``both``. ``layers`` are numbered from 1; None is all (Table 18).
    """

    paper: ClassVar[str] = "Yuan et al., ACL 2023"
    cost: ClassVar[str] = "a draw per hidden unit and noised layer"
    neutral: ClassVar[dict[str, Any] | None] = {"sigma": 0.0, "hidden_dropout": True}
    not_captured = ""
    leaves_words_alone = True

    noise: str = "normal"
    position: str = "between"
    layers: list[int] | None = None
    hidden_dropout: bool = False  # True keeps the checkpoint's hidden dropout on (Table 9)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.noise not in NOISES:
            raise unknown("noise", self.noise, NOISES)
        if self.position not in POSITIONS:
            raise unknown("position", self.position, POSITIONS)
        if self.layers is not None and not self.layers:
            raise BenchmarkError("layers=[]: name at least one layer, or null for all of them")
        if self.layers is not None and len(set(self.layers)) < len(self.layers):
            raise BenchmarkError(f"layers={self.layers}: a layer is named twice")

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        super().attach(model, context)
        if not self.hidden_dropout:
            switch_off_dropout(model)
        if self.layers is not None and self.sigma:
            check_own_layers(context, f"layers={self.layers}", "null")
        layers = context.encoder.layers
        numbers = range(1, len(layers) + 1) if self.layers is None else self.layers
        for number in numbers:
            check_layer("layers", number, context.encoder)
        if self.sigma == 0:
            return
        for number in numbers:
            layer = layers[number - 1]
            if self.position != "inside":
                self.perturb_in_training(layer, on_input)
            if self.position != "between":
                self.perturb_in_training(attention_block(layer), on_output)

    def draw(self, state: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        if self.noise == "normal":
            return super().draw(state, rng)
        uniform = torch.rand(state.shape, generator=rng, device=state.device)
        return uniform if self.noise == "uniform01" else 2 * uniform - 1


def attention_block(layer: nn.Module) -> nn.Module:
    """The attention block of an encoder layer, told by its class name.

    Raises: BenchmarkError if no part of the layer is named so.
    """
    blocks = [part for part in layer.children() if "attention" in type(part).__name__.lower()]
    if not blocks:
        raise BenchmarkError(f"position: no attention block found in a {type(layer).__name__}")
    return blocks[0]
