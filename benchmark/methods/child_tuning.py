"""Child-Tuning: update only a child network, by masking gradients.

Xu et al., "Raise a Child in Large Language Model: Towards Effective and Generalizable Fine-tuning", EMNLP
2021. The gradient g becomes g * M after clipping, before Adam's moments are updated.

Child-Tuning-F: M ~ Bernoulli(p) for every weight in every step, divided by p.
Child-Tuning-D: M = 1 on the share p of the encoder layers' weights with the largest empirical Fisher
information, which one pass over the training data estimates before the first update, and 0 on the rest;
embeddings, pooler and head train in full. Masked weights still decay, as in the released code.

The equation of D averages the squared gradients of single examples (``fidelity: paper``). The released
code squares the gradient of a batch's mean loss, each tensor clipped to ``max_grad_norm`` by itself, and
averages these over batches (``released``, the form of the published numbers). It takes every
parameter whose name contains "layer"; here layers are recognised by structure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context, Method
from benchmark.methods.common.tensors import in_layers, places, selected
from benchmark.models import masks
from benchmark.step.passes import Step
from benchmark.step.update import Tensors, Update

FIDELITIES = ("paper", "released")


@dataclass
class ChildTuningF(Method):
    """Keep each gradient entry with ``probability``, divided by it, and zero the rest.

    Masks are drawn in every update, on the device of the weights: a GPU gives other draws than a CPU.
    """

    paper: ClassVar[str] = "Xu et al., EMNLP 2021"
    cost: ClassVar[str] = "a draw per weight and update"
    neutral: ClassVar[dict[str, Any] | None] = {"probability": 1.0}
    not_captured = ""

    probability: float = 0.3  # p; 1 is plain fine-tuning

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise BenchmarkError(f"probability={self.probability}: p must be above 0 and at most 1")

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.rng = context.stream(device=next(model.parameters()).device)

    def gradient(self, update: Update) -> None:
        if self.probability < 1:
            torch._foreach_mul_(update.gradients, [self.draw(gradient) for gradient in update.gradients])
            torch._foreach_div_(update.gradients, self.probability)

    def draw(self, gradient: torch.Tensor) -> torch.Tensor:
        """A mask of the shape of ``gradient``: 1 keeps an entry."""
        return masks.kept(gradient, self.probability, self.rng)


@dataclass
class ChildTuningD(Method):
    """Update only the ``fraction`` of the layers' weights on which the task depends most.

    ``fidelity`` chooses the Fisher information: the ``released`` code's, or the ``paper``'s equation, whose
    pass costs a backward pass per example. Ties at the threshold are kept.
    """

    paper: ClassVar[str] = "Xu et al., EMNLP 2021"
    cost: ClassVar[str] = "one pass over the training data before the first update, and a mask per weight"
    neutral: ClassVar[dict[str, Any] | None] = {"fraction": 1.0}
    not_captured = ""

    fraction: float = 0.3  # p; 1 is plain fine-tuning
    max_grad_norm: float = 1.0  # norm to which the released survey clips each tensor; 0 does not clip
    fidelity: str = "released"

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise BenchmarkError(f"fraction={self.fraction}: p must be above 0 and at most 1")
        if self.max_grad_norm < 0:
            raise BenchmarkError(f"max_grad_norm={self.max_grad_norm}: must be at least 0")
        if self.fidelity not in FIDELITIES:
            raise unknown("fidelity", self.fidelity, FIDELITIES)

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.candidates = in_layers(context.encoder)
        self.masks: dict[str, torch.Tensor] = {}

    def survey(self, passes: Iterable[Step]) -> None:
        if self.fraction == 1:
            return
        fisher = self.fisher(passes)
        if not fisher:
            return
        pooled = np.concatenate([values.flatten().cpu().numpy() for values in fisher.values()])
        self.threshold = float(np.percentile(pooled, (1 - self.fraction) * 100, overwrite_input=True))
        self.masks = {name: values >= self.threshold for name, values in fisher.items()}

    def fisher(self, passes: Iterable[Step]) -> dict[str, torch.Tensor]:
        """The empirical Fisher information of every trained candidate weight, by name."""
        sums: dict[str, torch.Tensor] = {}
        count = 0
        for _, parts in groupby(passes, key=lambda step: step.number):
            for gradients in self.gradients(parts):
                if not sums:
                    sums = {name: torch.zeros_like(gradient) for name, gradient in gradients.items()}
                self.add_squares(list(sums.values()), list(gradients.values()))
                count += 1
        torch._foreach_div_(list(sums.values()), max(count, 1))
        return sums

    def gradients(self, parts: Iterable[Step]) -> Iterator[dict[str, torch.Tensor]]:
        """Yield the gradients of one batch that are squared.

        ``released``: of the batch's mean loss, summed over its parts; ``paper``: of each example's loss.
        """
        batch: dict[str, torch.Tensor] = {}
        for step in parts:
            if self.fidelity == "paper":
                for i in range(step.examples):
                    loss = step.task.loss(*step.task.of_example(step.logits, step.targets, i))
                    yield self.gradient_of(loss, step, again=True)  # one graph for all examples of the part
                continue
            part = self.gradient_of(step.task_loss() * step.share, step)
            batch = {name: batch[name] + part[name] for name in part} if batch else part
        if batch:
            yield batch

    def gradient_of(self, loss: torch.Tensor, step: Step, again: bool = False) -> dict[str, torch.Tensor]:
        """The gradient of ``loss`` in every trained candidate weight, by name.

        Nothing is added to ``.grad``.
        """
        chosen = {
            name: weight
            for name, weight in step.model.named_parameters()
            if name in self.candidates and weight.requires_grad
        }
        if not chosen:
            return {}
        weights = list(chosen.values())
        gradients = torch.autograd.grad(loss, weights, retain_graph=again, materialize_grads=True)
        return dict(zip(chosen, gradients, strict=True))

    @torch.no_grad()
    def add_squares(self, sums: Tensors, gradients: Tensors) -> None:
        """Add the squares of ``gradients`` to ``sums``; ``released`` clips them first."""
        if self.fidelity == "released" and self.max_grad_norm:
            norms = torch.stack(list(torch._foreach_norm(gradients)))
            shares = (self.max_grad_norm / (norms + 1e-6)).clamp(max=1.0)
            torch._foreach_mul_(gradients, list(shares.unbind()))
        torch._foreach_addcmul_(sums, gradients, gradients)

    def gradient(self, update: Update) -> None:
        if indices := places(update, self.masks):
            kept = [self.masks[update.names[index]] for index in indices]
            torch._foreach_mul_(selected(update.gradients, indices), kept)
