"""Anti-PGD: noise in the weights, where every new draw replaces the last one.

Orvieto et al., "Anticorrelated Noise Injection for Improved Generalization", ICML 2022, Eq. 3:

    w_{t+1} = w_t - update_t + xi_{t+1} - xi_t,    xi_t ~ N(0, sigma^2).

The sum telescopes: z_t = w_t - xi_t follows z_{t+1} = z_t - update_t with gradients taken at z_t + xi_t. Here
xi_t is subtracted before the weights move, so that decoupled decay acts on z, and z is evaluated. The last
update adds no noise: the run ends with z.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.methods.base import Context
from benchmark.methods.common.evaluated import replaced
from benchmark.methods.weight_noise import WeightNoise
from benchmark.step.update import Update


@dataclass
class AntiPGD(WeightNoise):
    """Take every gradient at the weights plus N(0, ``sigma``^2).

    The places are those of weight noise: the layers' weights without normalisations.
    """

    paper: ClassVar[str] = "Orvieto et al., ICML 2022"
    cost: ClassVar[str] = "a draw and a copy per weight and update"
    neutral: ClassVar[dict[str, Any] | None] = {"sigma": 0.0}
    leaves_words_alone = True

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        super().attach(model, context)
        self.added: dict[str, torch.Tensor] = {}
        self.total = 0

    def before(self, update: Update) -> None:
        indices, weights = self.noised(update)
        added = [self.added[update.names[index]] for index in indices if update.names[index] in self.added]
        if added:
            torch._foreach_sub_(weights, added)

    def after(self, update: Update) -> None:
        indices, weights = self.noised(update)
        if not indices:
            return
        self.total = update.total
        noise = self.noise(weights)
        torch._foreach_mul_(noise, update.scheduled(self.goes_on))
        for index, drawn in zip(indices, noise, strict=True):
            self.added.setdefault(update.names[index], torch.empty_like(drawn)).copy_(drawn)
        torch._foreach_add_(weights, noise)

    def goes_on(self, number: int, rate: float) -> float:
        """0 in the last update, else 1; in the form of `Update.scheduled`."""
        return float(number < self.total)

    def evaluated(self, model: nn.Module) -> AbstractContextManager[None]:
        parameters = dict(model.named_parameters())
        return replaced(
            model, {name: parameters[name].detach() - noise for name, noise in self.added.items()}
        )
