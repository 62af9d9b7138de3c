"""Weight noise: Gaussian noise of one size in every update, where PATS has its noise.

The plain form of PATS (Zhang et al., EMNLP 2022), without sensitivities: after every update

    theta_j <- theta_j - update_j + N(0, sigma^2)

on all weights of the encoder layers but their LayerNorms. If all weights were equally sensitive, PATS's noise
would have variance lambda with probability p, so p * lambda on average: sigma is 6.3e-4 for lambda 2e-6 and p
0.2. `pats_even` is the other control: it keeps the amount of noise that PATS's sensitivities produce. As in
PATS, the noise adds up over the updates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.common.tensors import apart, in_layers, places, selected
from benchmark.step.update import Tensors, Update


@dataclass
class WeightNoise(Method):
    """Add N(0, ``sigma``^2) to the layers' weights after every update.

    Noise is drawn on the device of the weights: a GPU gives other draws than a CPU.
    """

    paper: ClassVar[str] = "control for Zhang et al., EMNLP 2022"
    cost: ClassVar[str] = "a draw per weight and update"
    neutral: ClassVar[dict[str, Any] | None] = {"sigma": 0.0}
    not_captured = ""
    leaves_words_alone = True

    sigma: float = 6.3e-4

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < float("inf"):
            raise BenchmarkError(
                f"sigma={self.sigma}: the strength of the noise must be a number of at least 0"
            )

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.names = in_layers(context.encoder, norms=False)
        self.rng = context.stream(device=next(model.parameters()).device)

    def noised(self, update: Update) -> tuple[list[int], Tensors]:
        """The places of the weights that get noise, and those weights."""
        indices = [] if self.idle else places(update, self.names)
        return indices, selected(update.weights, indices)

    def after(self, update: Update) -> None:
        _, weights = self.noised(update)
        if weights:
            torch._foreach_add_(weights, self.noise(weights))

    def noise(self, weights: Tensors) -> Tensors:
        """N(0, sigma^2) in the shapes of ``weights``."""
        drawn = self.draw(weights[0].new_empty(sum(weight.numel() for weight in weights)))
        return apart(drawn.mul_(self.sigma), weights)

    def draw(self, like: torch.Tensor) -> torch.Tensor:
        """N(0, 1) of the shape of ``like``."""
        return torch.empty_like(like).normal_(generator=self.rng)
