"""LP-FT: train the head on the frozen encoder first, then everything.

Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022,
section 3.4: linear probing, then fine-tuning from the head that it found. A random head gives the encoder
large gradients without information, which distort it.

The head's stage comes before the first update and has its own optimiser (Adam, a constant ``rate``, no
decay), which is forgotten; the protocol's updates, schedule and warm-up are those of the second stage.
Features are computed without dropout. The stage has a cost: each of its epochs is a forward over the training
data, and a fair comparison gives the same time to all methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.mixout import Mixout
from benchmark.methods.prior_wd import PriorWD
from benchmark.step.passes import Step


@dataclass
class LPFT(Method):
    """Train the head alone for ``epochs`` at ``rate``, before the first update.

    The examples have the same order in every epoch; the head's inputs are kept in memory.
    """

    paper: ClassVar[str] = "Kumar et al., ICLR 2022"
    cost: ClassVar[str] = "a forward over the training data per epoch of the head, before the first update"
    neutral: ClassVar[dict[str, Any] | None] = {"epochs": 0}
    not_captured = ""

    epochs: int = 1
    rate: float = 1e-3

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise BenchmarkError(f"epochs={self.epochs}: must be at least 0")
        if not 0 < self.rate < float("inf"):
            raise BenchmarkError(f"rate={self.rate}: the learning rate of the head must be above 0")

    def conflict(self, other: Method) -> str | None:
        if not self.epochs:
            return None
        if isinstance(other, Mixout) and other.modules == "all_linear":
            return "the trained head would be mixed with its random start; set Mixout's modules=encoder"
        if isinstance(other, PriorWD) and other.fidelity == "released":
            return "the trained head would be pulled to its random start; set PriorWD's fidelity=paper"
        return None

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.encoder = context.encoder

    def survey(self, passes: Iterable[Step]) -> None:
        if not self.epochs:
            return
        batches = [list(parts) for _, parts in groupby(passes, key=lambda step: step.number)]
        named = self.encoder.model.named_parameters()
        head = [weight for name, weight in named if self.encoder.in_head(name) and weight.requires_grad]
        optimizer = torch.optim.Adam(head, lr=self.rate)
        with frozen(self.encoder.base):
            for _ in range(self.epochs):
                for parts in batches:
                    for step in parts:
                        step.backward(step.task_loss(step.forward("off")))
                    optimizer.step()
                    optimizer.zero_grad()


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Give the parameters of ``module`` no gradient, for the block."""
    trained = [weight for weight in module.parameters() if weight.requires_grad]
    for weight in trained:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)
