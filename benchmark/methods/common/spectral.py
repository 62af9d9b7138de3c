"""Division of a linear layer's weights by their largest singular value, for R4F."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from benchmark.step.state import Stateful
from benchmark.step.update import Update

Pair = tuple[torch.Tensor, torch.Tensor]  # left and right singular vector


class SpectralLayer(Stateful):
    """A linear layer that computes with W / sigma_max(W), in training and evaluation.

    The names of its parameters stay. sigma_max = u' W v; the singular vectors are exact at the first update and follow
    W by one power iteration per training pass, as in spectral normalisation (Miyato et al. 2018). A doubled batch is one
    pass. Weights that they do not follow have exact vectors: those before the first update, and any that another method,
    or a choice of the best weights, puts in place of the learnt ones for a while.
    """

    constant: ClassVar[tuple[str, ...]] = ("other",)

    def __init__(self, layer: nn.Linear) -> None:
        self.layer = layer
        self.pair = exact(layer.weight)
        self.learnt: torch.Tensor | None = None  # the weights that the pair follows, from the first update on
        self.other: tuple[torch.Tensor, Pair] | None = None  # the last others, and theirs
        layer.register_forward_hook(self.divided)

    def begin(self) -> None:
        """Follow the weights from now on."""
        self.pair, self.learnt = exact(self.layer.weight), self.layer.weight.detach().clone()

    @torch.no_grad()
    def updated(self, update: Update) -> None:
        """Take in the weights that ``update`` has moved, if they are this layer's."""
        if self.learnt is not None and any(weight is self.layer.weight for weight in update.weights):
            self.learnt.copy_(self.layer.weight)

    def divided(self, module: nn.Module, inputs: tuple[torch.Tensor, ...], _: Any) -> torch.Tensor:
        """The outputs of the layer for ``inputs``."""
        weight = self.layer.weight
        # In a pass with gradients the weights are the learnt ones. There is no look at them: a CUDA graph cannot hold it.
        followed = self.learnt is not None and (torch.is_grad_enabled() or torch.equal(weight, self.learnt))
        if not followed:
            u, v = self.vectors_of(weight.detach())
        elif module.training:
            u, v = self.iterated(weight)
        else:
            u, v = self.pair
        return functional.linear(inputs[0], weight / (u @ weight @ v), self.layer.bias)

    @torch.no_grad()
    def iterated(self, weight: torch.Tensor) -> Pair:
        """The pair after one power iteration on ``weight``."""
        u = functional.normalize(weight @ self.pair[1], dim=0)
        v = functional.normalize(weight.T @ u, dim=0)
        for before, now in zip(self.pair, (u, v), strict=True):
            # A copy, since the backward pass reads u and v
            before.copy_(now)
        return u, v

    def vectors_of(self, weight: torch.Tensor) -> Pair:
        """The singular vectors of ``weight``, kept until others are asked for."""
        if self.other is None or not torch.equal(weight, self.other[0]):
            self.other = weight.clone(), exact(weight)
        return self.other[1]


def exact(weight: torch.Tensor) -> Pair:
    """The first singular vectors of ``weight``; not numbers if it has entries that are none."""
    if not weight.isfinite().all():
        return weight.new_full(weight.shape[:1], torch.nan), weight.new_full(weight.shape[1:], torch.nan)
    left, _, right = torch.linalg.svd(weight.detach().float(), full_matrices=False)
    return left[:, 0].to(weight), right[0].to(weight)
