"""Groups of parameters: each has one weight decay and one factor on the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from benchmark.step.update import Tensors


@dataclass
class ParameterGroup:
    """Parameters with one weight decay and one factor on the rate, and their moments."""

    names: list[str]
    parameters: list[nn.Parameter]
    weight_decay: float = 0.0
    rate_factor: float = 1.0
    first: Tensors = field(default_factory=list)
    second: Tensors = field(default_factory=list)
    directions: Tensors = field(default_factory=list)

    def shrink(self, number: int, rate: float) -> float:
        """The factor of decoupled decay on the weights, at a ``rate``."""
        return 1 - rate * self.weight_decay

    def __post_init__(self) -> None:
        self.first = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.second = [torch.zeros_like(parameter) for parameter in self.parameters]


def parameter_groups(
    model: nn.Module, weight_decay: float, rate_factor: Callable[[str], float] = lambda name: 1.0
) -> list[ParameterGroup]:
    """Group the trainable parameters of ``model`` by decay and factor on the rate.

    Matrices decay, vectors do not. Biases and normalisation weights are told by their shape, because their
    names differ between architectures (``LayerNorm.weight`` matches neither XLNet's ``layer_norm`` nor an
    older ``gamma``). XLNet's attention biases are matrices; their names end in ``bias``, like all others.
    """
    groups: dict[tuple[float, float], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim >= 2 and not name.endswith("bias")
            groups.setdefault((weight_decay if decays else 0.0, rate_factor(name)), []).append(
                (name, parameter)
            )
    return [
        ParameterGroup([name for name, _ in named], [p for _, p in named], decay, factor)
        for (decay, factor), named in groups.items()
    ]
