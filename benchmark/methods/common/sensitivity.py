"""Sensitivity of the loss to each weight, |theta * g|, for PATS and SAGE."""

from __future__ import annotations

from collections.abc import Collection

import torch

from benchmark.methods.common.tensors import places, selected
from benchmark.step.state import Stateful
from benchmark.step.update import Tensors, Update


class Sensitivity(Stateful):
    """Running means of |theta * g| of the parameters called ``names``.

    ``signed`` drops the absolute value. ``means`` is by parameter name. It starts at 0, and this start is not
    corrected.
    """

    def __init__(self, names: Collection[str], beta: float, signed: bool = False) -> None:
        self.names = names
        self.beta = beta
        self.signed = signed
        self.means: dict[str, torch.Tensor] = {}

    def see(self, update: Update) -> tuple[list[int], Tensors]:
        """Take in an update before its weights move.

        Returns the places of the parameters in the update's lists, and their sensitivities now.
        """
        indices = places(update, self.names)
        if not indices:
            return [], []
        now = list(torch._foreach_mul(selected(update.weights, indices), selected(update.gradients, indices)))
        if not self.signed:
            torch._foreach_abs_(now)
        for index, tensor in zip(indices, now, strict=True):
            if update.names[index] not in self.means:
                self.means[update.names[index]] = torch.zeros_like(tensor)
        means = self.of(update, indices)
        torch._foreach_mul_(means, self.beta)
        torch._foreach_add_(means, now, alpha=1 - self.beta)
        return indices, now

    def of(self, update: Update, indices: list[int]) -> Tensors:
        """The running means of the parameters at ``indices``."""
        return [self.means[update.names[index]] for index in indices]
