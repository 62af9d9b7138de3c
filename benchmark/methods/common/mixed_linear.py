"""A linear module that works with other weights in training, for Mixout and DPS Mix."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from benchmark.models.architecture import Encoder

Mix = Callable[[torch.Tensor], torch.Tensor]


class MixedLinear(nn.Linear):
    """The module ``linear``, with its own parameters; in training it uses ``mix(weight)``."""

    def __init__(self, linear: nn.Linear, mix: Mix) -> None:
        super().__init__(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.mix = mix
        self.train(linear.training)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(input)
        return functional.linear(input, self.mix(self.weight), self.bias)


def linear_of_checkpoint(encoder: Encoder) -> list[str]:
    """The names of the linear modules of layers and pooler, without a drawn pooler."""
    return [
        name
        for name, module in encoder.model.named_modules()
        if isinstance(module, nn.Linear)
        and (encoder.depth(name) is not None or encoder.in_pooler(name))
        and not encoder.is_new(f"{name}.weight")
    ]


def install(model: PreTrainedModel, name: str, mix: Mix) -> None:
    """Let the linear module ``name`` of ``model`` work with ``mix(weight)`` in training."""
    place, _, last = name.rpartition(".")
    linear = model.get_submodule(name)
    assert isinstance(linear, nn.Linear)
    setattr(model.get_submodule(place), last, MixedLinear(linear, mix))
