"""Lion: steps of constant length in the direction of a sign.

Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023, Algorithm 2. With the gradient g,

    c = sign(beta1 m + (1 - beta1) g),    m <- beta2 m + (1 - beta2) g,    w <- w - rate (c + decay w).

Its betas are (0.9, 0.99). Every entry moves by the rate, so the rate must be three to ten times smaller than
AdamW's, and the decay larger by the same factor. Methods that change directions, such as SAGE and RecAdam,
here change signs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.step.variant import Betas, Part, Variant


def _direct(part: Part) -> None:
    torch._foreach_copy_(part.directions, part.first)
    torch._foreach_lerp_(part.directions, part.gradients, 1 - part.betas[0])
    torch._foreach_sign_(part.directions)
    torch._foreach_lerp_(part.first, part.gradients, 1 - part.betas[1])


def _moments(weight: Tensor) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(weight), weight.new_zeros(0)


def _rate(rate: float, betas: Betas, t: int) -> float:
    return rate


LION = Variant(_direct, _rate, "before", moments=_moments, whole=True)
