"""Linear layers that use the faster of PyTorch's two matrix libraries on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# oneDNN has a set-up cost for every new shape: it is faster from these multiplications on, by the weights of a layer
# (results/reference/speed.md).
WIDE = 1 << 17
LARGE_IN_WIDE, LARGE = 1 << 25, 1 << 28


class FasterLinear(nn.Linear):
    """``nn.Linear`` that computes large float32 products by oneDNN, forward and backward.

    PyTorch computes all others.
    """

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        if not self.worthwhile(states):
            return super().forward(states)
        return _Product.apply(states, self.weight, self.bias)

    def worthwhile(self, states: torch.Tensor) -> bool:
        """True if oneDNN is faster for the product with ``states`` (..., inputs)."""
        return (
            states.device.type == "cpu"
            and states.dtype == self.weight.dtype == torch.float32
            and states.numel() * self.out_features
            >= (LARGE_IN_WIDE if self.weight.numel() >= WIDE else LARGE)
            and not torch.is_autocast_enabled("cpu")
            and torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # not public: another release may lack it
        )


def install(model: nn.Module) -> None:
    """Turn every plain ``nn.Linear`` of ``model`` into a `FasterLinear`.

    Parameters and module hooks stay the same.
    """
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
            _by_onednn(rows.t(), states.flatten(0, -2).t(), None) if to_weight else None,
            rows.sum(0) if to_bias else None,
        )


def _by_onednn(states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(states, weight, bias, "none", [], "")
