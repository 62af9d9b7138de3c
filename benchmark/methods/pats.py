"""PATS: noise in every update, larger on weights to which the loss is less sensitive.

Zhang et al., "PATS: Sensitivity-aware Noisy Learning for Pretrained Language Models", EMNLP 2022, section 2
and Algorithm 1. For every weight j of a tensor, in every step,

    s_j = |theta_j * g_j|                                      (Eq. 1)
    S_j = beta * S_j + (1 - beta) * s_j                        (Eq. 2)
    r_j = lambda * max(mean(S) / (S_j + epsilon) - gamma, 0)   (Eq. 3-4)
    theta_j <- theta_j - update_j + z_j * N(0, r_j),  z_j ~ Bernoulli(p)   (Eq. 5)

on all weights of the encoder layers but their LayerNorms (A.2). No code is public. In the text r is a
variance; Algorithm 1 writes N(0, R). Algorithm 1 also makes epsilon N times weaker in a tensor of N weights,
and drops the absolute value; the ratio then has no meaning if signs differ. The paper also tried one mean(S)
for all tensors and found it unstable. Each choice is a field. The noise does not shrink with the learning
rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context, Method
from benchmark.methods.common import unit_noise
from benchmark.methods.common.sensitivity import Sensitivity
from benchmark.methods.common.tensors import apart, in_layers, places, selected
from benchmark.methods.common.unit_noise import UnitNoise
from benchmark.step.update import Tensors, Update

NOISE_SCALES = ("sqrt", "linear")
EPS_FORMS = ("eq4", "algorithm")
SCOPES = ("matrix", "model")


@dataclass
class PATS(Method):
    """Add noise to insensitive weights after every update.

    ``noise_scale``: r is a variance (``sqrt``, the text) or a standard deviation (``linear``).
    ``eps_form``: epsilon as in Eq. 4, or as in Algorithm 1, sum(S) / (N * S_j + epsilon). ``signed``
    drops the absolute value of Eq. 1. ``scope``: mean(S) is over the tensor (``matrix``), or over all weights with
    noise (``model``). Sensitivities use the optimiser's gradient: a weight whose gradient
    another method masks looks insensitive and gets the most noise. With ``mask_noise``, weights without a
    gradient in this update get none. Noise is drawn on the device of the weights: a GPU gives other draws
    than a CPU.
    """

    paper: ClassVar[str] = "Zhang et al., EMNLP 2022"
    cost: ClassVar[str] = "a running mean per weight and update, and a draw per weight with noise"
    neutral: ClassVar[dict[str, Any] | None] = {"intensity": 0.0}
    not_captured = ""
    leaves_words_alone = True

    intensity: float = 2e-6  # lambda; 0 is plain fine-tuning
    gamma: float = 0.002
    beta: float = 0.75
    probability: float = 0.2  # p; 0 is plain fine-tuning
    epsilon: float = 1e-8  # not given in the paper
    noise_scale: str = "sqrt"
    eps_form: str = "eq4"
    signed: bool = False
    mask_noise: bool = False
    scope: str = "matrix"

    def __post_init__(self) -> None:
        for key, value in (("intensity", self.intensity), ("gamma", self.gamma), ("epsilon", self.epsilon)):
            if value < 0:
                raise BenchmarkError(f"{key}={value}: must be at least 0")
        if not 0 <= self.beta < 1:
            raise BenchmarkError(f"beta={self.beta}: must be at least 0 and below 1")
        if not 0 <= self.probability <= 1:
            raise BenchmarkError(f"probability={self.probability}: p must be between 0 and 1")
        if self.noise_scale not in NOISE_SCALES:
            raise unknown("noise_scale", self.noise_scale, NOISE_SCALES)
        if self.eps_form not in EPS_FORMS:
            raise unknown("eps_form", self.eps_form, EPS_FORMS)
        if self.scope not in SCOPES:
            raise unknown("scope", self.scope, SCOPES)

    @property
    def silent(self) -> bool:
        """True if this is plain fine-tuning."""
        return self.intensity == 0 or self.probability == 0

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.sensitivity = Sensitivity(in_layers(context.encoder, norms=False), self.beta, self.signed)
        self.rng = context.stream(device=next(model.parameters()).device)

    def measure(self, update: Update) -> None:
        if not self.silent:
            self.sensitivity.see(update)

    def after(self, update: Update) -> None:
        indices = [] if self.silent else places(update, self.sensitivity.names)
        if not indices:
            return
        weights = selected(update.weights, indices)
        noise = self.draw(weights)
        spread = self.sizes(self.sensitivity.of(update, indices), noise)
        torch._foreach_mul_(spread, noise.unit)
        if self.mask_noise:
            gradients = noise.at(selected(update.gradients, indices))
            torch._foreach_mul_(spread, [gradient != 0 for gradient in gradients])
        noise.add(weights, spread)

    def sizes(self, means: Tensors, noise: UnitNoise) -> Tensors:
        """Standard deviation of every number of ``noise``, from the sensitivities' running means."""
        spread = self.intensities(means, noise)
        if self.noise_scale == "sqrt":
            torch._foreach_sqrt_(spread)
        return spread

    def intensities(self, means: Tensors, noise: UnitNoise) -> Tensors:
        """r of Eq. 4 for every number of ``noise``, from the sensitivities' running means."""
        sizes, sums = [mean.numel() for mean in means], self.sums(means)
        if self.scope == "model":
            # Those of all groups, of which this update has one; the others' are of this update as well.
            every = list(self.sensitivity.means.values())
            size, total = sum(mean.numel() for mean in every), torch.stack(self.sums(every)).sum()
            sizes, sums = [size] * len(means), [total] * len(means)
        averages = torch._foreach_div(sums, [float(size) for size in sizes])
        shares = [1.0 if self.eps_form == "eq4" else 1 / size for size in sizes]
        ratios = list(torch._foreach_add(noise.at(means), [self.epsilon * share for share in shares]))
        torch._foreach_reciprocal_(ratios)
        repeated = [average.expand(ratio.numel()) for average, ratio in zip(averages, ratios, strict=True)]
        torch._foreach_mul_(ratios, apart(torch.cat(repeated), ratios))
        torch._foreach_sub_(ratios, self.gamma)
        torch._foreach_clamp_min_(ratios, 0.0)
        torch._foreach_mul_(ratios, self.intensity)
        return ratios

    def sums(self, means: Tensors) -> Tensors:
        """The sum of each tensor of running means."""
        if self.signed:
            return [mean.sum() for mean in means]
        # The norm sums all tensors in one kernel: running means of absolute values are not negative.
        return list(torch._foreach_norm(means, 1))

    def draw(self, weights: Tensors) -> UnitNoise:
        """N(0, 1) with probability p, else nothing, for ``weights``."""
        return unit_noise.draw(weights, self.probability, self.rng)
