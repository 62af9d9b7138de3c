"""Adafactor: second moments by row and column, and steps in proportion to the weights.

Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", ICML 2018, Algorithms 4 and 5, as
`torch.optim.Adafactor` has it. With b = t^-0.8 and G the gradient of a matrix W, rows R and columns C,

    R <- (1 - b) R + b mean_columns(G^2),    C <- (1 - b) C + b mean_rows(G^2),    V = R C / mean(R),
    U = G / sqrt(V),    W <- W - min(rate, 1 / sqrt(t)) max(1e-3, rms(W)) U / max(1, rms(U)),

and a vector has V <- (1 - b) V + b G^2. There are no first moments: the protocol's betas and epsilon are not
used. V is at least 1e-30, as in the paper; PyTorch's default, the epsilon of the type, is larger than the
mean squares of gradients in fine-tuning. If a method masks a gradient, V gets smaller in its whole row and
column, so the remaining weights move further.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.step.variant import Betas, Part, Variant

DECAY = -0.8
LEAST = 1e-15  # epsilon 1 in PyTorch's form; its square is the paper's
LEAST_WEIGHT = 1e-3  # epsilon 2: the scale of weights that are all 0
CLIPPED = 1.0  # d: the largest root mean square of an update


def _moments(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (…, n, 1) and columns (…, 1, m) of a matrix; a vector's moments, and nothing."""
    if weight.ndim < 2:
        return torch.zeros_like(weight), weight.new_zeros(0)
    return weight.new_zeros(*weight.shape[:-1], 1), weight.new_zeros(*weight.shape[:-2], 1, weight.shape[-1])


def _direct(part: Part) -> None:
    for rows, columns, gradient, direction, weight in zip(
        part.first, part.second, part.gradients, part.directions, part.weights, strict=True
    ):
        squares = gradient.square()
        if gradient.ndim < 2:
            moments = rows.lerp_(squares, _as(part.correction, rows))
        else:
            rows.lerp_(squares.mean(-1, keepdim=True), _as(part.correction, rows))
            columns.lerp_(squares.mean(-2, keepdim=True), _as(part.correction, columns))
            moments = rows @ columns / rows.mean(-2, keepdim=True).clamp(min=LEAST)
        torch.mul(moments.clamp(min=LEAST**2).rsqrt(), gradient, out=direction)
        scale = _rms(weight).clamp(min=LEAST_WEIGHT) / (_rms(direction) / CLIPPED).clamp(min=1.0)
        direction.mul_(scale)


def _as(number: float | Tensor, like: Tensor) -> float | Tensor:
    """``number``, or a tensor of it in the type of ``like``."""
    return number.to(like.dtype) if isinstance(number, Tensor) else number


def _rms(tensor: Tensor) -> Tensor:
    """The root of the mean square ()."""
    return tensor.square().mean().sqrt()


def _new_share(betas: Betas, t: int) -> float:
    return float(t**DECAY)


def _step_size(rate: float, betas: Betas, t: int) -> float:
    return min(rate, t**-0.5)


ADAFACTOR = Variant(_direct, _step_size, "before", moments=_moments, correction=_new_share, whole=True)
