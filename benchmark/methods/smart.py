"""SMART: keep outputs stable under the worst small perturbation, and between updates.

Jiang et al., "SMART: Robust and Efficient Fine-Tuning for Pre-trained Natural Language Models through
Principled Regularized Optimization", ACL 2020 (arXiv 1911.03437), Algorithm 1.

Smoothness (equations 1 and 2): lambda_s max over ||delta||_inf <= epsilon of l_s(f(x), f(x + delta)). l_s is
the symmetric KL, or the squared error for a regression. delta_0 ~ N(0, sigma^2); then delta <- clip(delta +
eta g / ||g||_inf, epsilon). The norm is per example (the paper does not say).

Proximity (equations 5 to 7): mu times l_s between the model and its running average, average <- (1 - beta)
theta + beta average after every update.

x is the output of the whole embedding block, so delta is added to the input of layer 0. In tagging, l_s
compares the classes of every labelled word; in question answering, the distributions of starts and of ends
over a window's real tokens. It is averaged over these.

mt-dnn's code (``fidelity: mtdnn``) divides the perturbation by its largest entry per token in place of
projecting it, which makes that entry 1, not epsilon (epsilon only guards the division). It takes eta g
unnormalised, climbs a one-sided surrogate of the KL, detaches the target of each direction in the final term,
and has no proximity term. Two of its defects are not copied: it embeds the perturbed embeddings a second
time, and for a regression it compares every example with every other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import torch
from torch.func import functional_call
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context
from benchmark.methods.common.divergences import detached_symmetric_kl, disagreement, stable_kl
from benchmark.methods.common.hidden_noise import HiddenNoise
from benchmark.methods.common.suits import check_own_layers
from benchmark.models.architecture import input_changed, length_first
from benchmark.step.passes import DROPOUTS, Step, autocast
from benchmark.step.update import Update

FIDELITIES = ("paper", "mtdnn")
EARLY = 0.1  # the share of updates with beta_early


@dataclass
class SMART(HiddenNoise):
    """Add ``strength`` (lambda_s) times the smoothness term and ``mu`` times the proximity term.

    ``step_size`` is eta, and ``steps`` the number of ascents. ``dropout`` of all further passes is ``shared``
    with the clean pass (independent masks differ by far more than epsilon), ``independent``, or ``off``,
    which costs one more pass because the clean side of both terms has none either. ``beta_early`` stands for
    beta in the first tenth of the updates.
    """

    paper: ClassVar[str] = "Jiang et al., ACL 2020"
    cost: ClassVar[str] = (
        "+1 pass per ascent (steps) and +1; for mu one without gradient and a copy of the weights"
    )
    neutral: ClassVar[dict[str, Any] | None] = {"strength": 0.0, "mu": 0.0}
    not_captured = "the rate of its running average changes during the run"

    strength: float = 1.0
    mu: float = 1.0
    epsilon: float = 1e-5
    step_size: float = 1e-3
    steps: int = 1
    beta_early: float = 0.99
    beta: float = 0.999
    dropout: str = "shared"
    fidelity: str = "paper"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("strength", "mu", "epsilon", "step_size"):
            if (value := getattr(self, name)) < 0:
                raise BenchmarkError(f"{name}={value}: must be at least 0")
        for name in ("beta_early", "beta"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise BenchmarkError(f"{name}={value}: must lie between 0 and 1")
        if self.steps < 1:
            raise BenchmarkError(f"steps={self.steps}: must be at least 1")
        for name, choices in (("dropout", DROPOUTS), ("fidelity", FIDELITIES)):
            if getattr(self, name) not in choices:
                raise unknown(name, getattr(self, name), choices)

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        super().attach(model, context)
        if self.strength:
            # Its perturbation would be added again at every layer.
            check_own_layers(context, f"strength={self.strength:g}", "0")
        # The axes of hidden states that lie within an example.
        self.within_example = (0, 2) if length_first(context.encoder) else (1, 2)
        self.average: dict[str, torch.Tensor] = {}

    def loss(self, step: Step) -> torch.Tensor | None:
        if not self.strength and not self.mu:
            return None
        clean = step.logits  # needed with dropout off too: it computes the hidden states
        if self.dropout == "off":
            clean = step.forward("off")
        terms = []
        if self.strength:
            terms.append(self.strength * self.smoothness(step, clean).mean())
        if self.mu:
            terms.append(self.mu * self.distance_to_average(step, clean).mean())
        return torch.stack(terms).sum()

    def smoothness(self, step: Step, clean: torch.Tensor) -> torch.Tensor:
        """l_s(f(x), f(x + delta)) of each example, at the worst perturbation."""
        perturbed = self.perturbed_logits(step, self.worst(step, clean.detach()), self.steps)
        if self.fidelity == "mtdnn" and not step.task.regression:
            return detached_symmetric_kl(clean, perturbed)
        return disagreement(clean, perturbed, regression=step.task.regression)

    def worst(self, step: Step, clean: torch.Tensor) -> torch.Tensor:
        """The perturbation of the first layer's input after the last ascent."""
        start = step.hidden_states[0].detach()
        # Under autocast, so that `noised` warns if half precision loses the noise.
        with autocast(step.precision, start.device):
            delta = self.noised(torch.zeros_like(start))
        for number in range(self.steps):
            delta.requires_grad_()
            gap = self.climbed(self.perturbed_logits(step, delta, number), clean, step)
            # With respect to delta alone: no parameter's gradient is touched.
            (gradient,) = torch.autograd.grad(gap.sum(), delta)
            delta = self.ascend(step, delta.detach(), gradient)
        return delta

    def climbed(self, perturbed: torch.Tensor, clean: torch.Tensor, step: Step) -> torch.Tensor:
        """The quantity that an ascent increases, per example."""
        if self.fidelity == "mtdnn" and not step.task.regression:
            return stable_kl(perturbed, clean)
        return disagreement(clean, perturbed, regression=step.task.regression)

    def ascend(self, step: Step, delta: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """``delta`` after one step along ``gradient``."""
        if self.fidelity == "mtdnn":
            moved = delta + self.step_size * gradient
            return moved / (moved.abs().amax(-1, keepdim=True) + self.epsilon)
        layout, sizes = step.layout, gradient.abs()
        largest = sizes.amax(self.within_example, keepdim=True) if layout is None else layout.largest(sizes)
        moved = delta + self.step_size * gradient / largest.clamp_min(torch.finfo(largest.dtype).tiny)
        return moved.clamp(-self.epsilon, self.epsilon)

    def perturbed_logits(self, step: Step, delta: torch.Tensor, number: int) -> torch.Tensor:
        """The outputs with ``delta`` added to the input of the first layer."""
        with input_changed(step.encoder.layers[0], lambda state: state + delta):
            return step.forward(self.dropout, "smart", number)

    def distance_to_average(self, step: Step, clean: torch.Tensor) -> torch.Tensor:
        """l_s between the model and its running average, per example."""
        if not self.average:
            self.start_average(step.model)
        averaged = cast(PreTrainedModel, WithWeights(step.model, self.average))
        with torch.no_grad():
            logits = replace(step, model=averaged).forward(self.dropout, "smart", "average")
        return disagreement(clean, logits, regression=step.task.regression)

    def start_average(self, model: PreTrainedModel) -> None:
        """Begin the average with the weights of the first update: until then other methods may train them."""
        named = model.named_parameters()
        self.average = {name: weight.detach().clone() for name, weight in named if weight.requires_grad}

    def after(self, update: Update) -> None:
        if not self.average:
            return
        beta = self.beta_early if update.number - 1 < EARLY * update.total else self.beta
        averages = [self.average[name] for name in update.names]
        torch._foreach_lerp_(averages, list(update.weights), 1 - beta)


@dataclass
class WithWeights:
    """The model ``model`` computed with other ``weights``, by name."""

    model: PreTrainedModel
    weights: dict[str, torch.Tensor]

    @property
    def training(self) -> bool:
        return self.model.training

    def train(self, mode: bool = True) -> None:
        self.model.train(mode)

    def __call__(self, **inputs: Any) -> Any:
        return functional_call(self.model, self.weights, kwargs=inputs)
