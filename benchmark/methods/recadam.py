"""RecAdam: pull to the pretrained weights while learning the task, less and less.

Chen et al., "Recall and Learn: Fine-tuning Deep Pretrained Language Models with Less Forgetting", EMNLP 2020.
The objective is lambda(t) * task loss + (1 - lambda(t)) * gamma/2 * ||theta - theta0||^2 with lambda(t) = 1 /
(1 + exp(-k * (t - t0))). As in the released code, its second term stays outside Adam's moments:

    theta <- theta - step * lambda(t) * m / (sqrt(v) + epsilon)
    theta <- theta - rate * (1 - lambda(t)) * gamma * (theta - theta0),   theta already moved,

then weights decay. The released example pulls all encoder tensors whose name contains the model's type (none
of XLM-R's). Here all weights of the checkpoint are pulled, and drawn ones are not: the head's, and a pooler's if
the checkpoint has none. They learn by plain Adam. The released code starts from random weights by default. A
warning says if the pull is too weak to bring them to theta0 before the task is learnt.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context, Method, overrides
from benchmark.methods.common.anchored import Anchored
from benchmark.methods.common.tensors import of_checkpoint, places, selected
from benchmark.methods.top_k import TopK
from benchmark.models.architecture import Encoder
from benchmark.step.update import Update

log = logging.getLogger(__name__)

ANNEALINGS = ("sigmoid", "linear", "constant")
STARTS = ("pretrained", "random")
SURVIVES = 1e-3  # a larger share of a random start's distance to theta0 at the end is worth a warning
ANNEALED = 0.999  # from this lambda on, the remaining pull is too small to change anything


@dataclass
class RecAdam(Anchored):
    """Pull the checkpoint's weights towards their start, less and less, while the task's share grows.

    ``annealing``: lambda(t) is the ``sigmoid``, ``linear`` (min(1, t/t0)) or ``constant`` (1: no pull at
    all). ``start``: fine-tuning begins from the ``pretrained`` weights or from ``random`` ones (in
    place of the checkpoint's; the head is the run's own).
    """

    paper: ClassVar[str] = "Chen et al., EMNLP 2020"
    cost: ClassVar[str] = "a copy of the encoder's weights"
    neutral: ClassVar[dict[str, Any] | None] = {"pull": 0.0}
    not_captured = ""

    pull: float = 5000.0  # gamma; 0 is plain fine-tuning, without annealing and from the pretrained weights
    k: float = 0.5
    t0: int = 250
    annealing: str = "sigmoid"
    start: str = "pretrained"

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, value in (("pull", self.pull), ("k", self.k)):
            if value < 0:
                raise BenchmarkError(f"{key}={value}: must be at least 0")
        if self.t0 < 1:
            raise BenchmarkError(f"t0={self.t0}: must be at least 1 update")
        for key, choice, valid in (
            ("annealing", self.annealing, ANNEALINGS),
            ("start", self.start, STARTS),
        ):
            if choice not in valid:
                raise unknown(key, choice, valid)
        if self.start == "random" and self.anchor == "perturbed":
            raise BenchmarkError("anchor=perturbed: a random start has the clean checkpoint for its anchor")

    def conflict(self, other: Method) -> str | None:
        if self.start == "random" and self.pull:
            if overrides(other, "perturb"):
                return "RecAdam's random start replaces the perturbed weights; set start=pretrained"
            if isinstance(other, TopK):
                return "frozen layers would stay at RecAdam's random start; set start=pretrained"
        return None

    def remember(self, model: PreTrainedModel, context: Context) -> None:
        super().remember(model, context)
        self.warned = self.foreseen = False

    def pulled(self, encoder: Encoder) -> set[str]:
        return of_checkpoint(encoder) if self.pull else set()

    @torch.no_grad()
    def perturb(self, model: PreTrainedModel, context: Context) -> None:
        """Draw the anchored weights as the architecture itself initialises them, for a random start."""
        if self.start != "random" or not self.anchors:
            return
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(context.stream("start").initial_seed())
            fresh = dict(type(model)(model.config).named_parameters())
        for name, weight in model.named_parameters():
            if name in self.anchors:
                weight.copy_(fresh[name])

    def annealed(self, number: int) -> float:
        """lambda(t) at update ``number`` = 1, 2, …"""
        if self.annealing == "constant":
            return 1.0
        if self.annealing == "linear":
            return min(1.0, number / self.t0)
        exponent = self.k * (number - self.t0)
        small = math.exp(-abs(exponent))  # cannot overflow, and is exact for a lambda near 0
        return 1 / (1 + small) if exponent >= 0 else small / (1 + small)

    def direction(self, update: Update) -> None:
        if indices := places(update, self.anchors):
            torch._foreach_mul_(selected(update.directions, indices), update.scheduled(self.learnt))

    def moved(self, update: Update) -> None:
        if places(update, self.anchors):
            if update.number == 1:
                self.foresee(update)
            self.pull_back(update, update.scheduled(self.length))

    def learnt(self, number: int, rate: float) -> float:
        """lambda(t): the task's share of an update."""
        return self.annealed(number)

    def length(self, number: int, rate: float) -> float:
        """The share of the distance to the anchors by which weights are pulled."""
        return rate * (1 - self.annealed(number)) * self.pull

    def foresee(self, update: Update) -> None:
        """Warn once of a pull that overshoots, and of a random start that outlasts it."""
        left = 1.0
        for number, length in enumerate(update.whole_run(self.length), start=1):
            if length >= 2 and not self.warned:
                self.warned = True
                log.warning(
                    "RecAdam: rate * pull * (1 - lambda) = %.3g at update %d is not below 2, so the pull overshoots "
                    "and training diverges; scale the pull down as the learning rate goes up",
                    length,
                    number,
                )
            left *= abs(1 - length)
            if self.annealed(number) > ANNEALED:
                break
        # With layer-wise decay groups differ by rate; the first, which has the embeddings, is the slowest.
        if self.start == "random" and not self.foreseen and left > SURVIVES:
            log.warning(
                "RecAdam: %.2g of the random start's distance to the checkpoint is left at update %d, where "
                "the pull ends: the model is not fine-tuned from the checkpoint alone",
                left,
                number,
            )
        self.foreseen = True
