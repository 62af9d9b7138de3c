"""Linear layers whose products are taken by the faster of the two matrix libraries PyTorch has on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

LARGE = 1 << 28  # multiplications from which on oneDNN is the faster; it prepares itself for every new shape


class FasterLinear(nn.Linear):
    """``nn.Linear``: oneDNN for large float32 products with the weight, forward and back, PyTorch for others."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        if not self.worthwhile(states):
            return super().forward(states)
        return _Product.apply(states, self.weight, self.bias)

    def worthwhile(self, states: torch.Tensor) -> bool:
        """Whether the product with ``states`` (..., inputs) is of the kind that oneDNN is faster for."""
        return (
            states.device.type == "cpu"
            and states.dtype == self.weight.dtype == torch.float32
            and states.numel() * self.out_features >= LARGE
            and not torch.is_autocast_enabled("cpu")
            and torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # not public, hence not promised
        )


def install(model: nn.Module) -> None:
    """Make every plain ``nn.Linear`` of ``model`` a `FasterLinear`, with the same parameters and hooks."""
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = FasterLinear


class _Product(torch.autograd.Function):
    """states weight' + bias."""

    @staticmethod
    def forward(
        ctx: Any, states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.save_for_backward(states, weight)
        return _by_onednn(states, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        states, weight = ctx.saved_tensors
        rows = gradient.flatten(0, -2)
        to_states, to_weight, to_bias = ctx.needs_input_grad
        return (
            _by_onednn(gradient, weight.t(), None) if to_states else None,
            rows.t() @ states.flatten(0, -2) if to_weight else None,
            rows.sum(0) if to_bias else None,
        )


def _by_onednn(states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(states, weight, bias, "none", [], "")
