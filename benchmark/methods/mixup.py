"""Mixup of states: learn from mixtures of two examples, mixed at the input of the head.

Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, in hidden states as Verma et al., "Manifold Mixup",
ICML 2019, and for text, in front of the head, Sun et al., "Mixup-Transformer", COLING 2020. With h_i what the head f reads
of example i, a partner j of the same batch, and one share s ~ Beta(a, a) for the batch,

    loss = mean_i  s CE(f(m_i), y_i) + (1 - s) CE(f(m_i), y_j),    m_i = s h_i + (1 - s) h_j,

which is the cross-entropy of mixed targets. Partners are a permutation of the batch, from the method's own
stream. The pass with mixtures replaces the clean pass and has its dropout; the clean pass is computed only
for methods that read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.config.schema import ProtocolConfig, TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.common.suits import check_classes, check_whole_batches
from benchmark.models.architecture import input_changed
from benchmark.step.passes import Step


@dataclass
class Mixup(Method):
    """Train on mixtures of pairs of a batch, with shares from Beta(``alpha``, ``alpha``)."""

    paper: ClassVar[str] = "Verma et al., ICML 2019; Sun et al., COLING 2020"
    cost: ClassVar[str] = "none; +1 pass beside a method that reads the clean one"
    neutral: ClassVar[dict[str, Any] | None] = {"alpha": 0.0}
    not_captured = "its shares and partners are drawn on the host in every update"

    alpha: float = 0.5  # 0 mixes nothing

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise BenchmarkError(f"alpha={self.alpha}: must be at least 0")

    @property
    def exempt(self) -> dict[str, str]:
        return {"accumulation": "partners come from the same batch, so micro-batches are refused"}

    def check(self, protocol: ProtocolConfig, task: TaskConfig) -> None:
        if self.alpha:
            check_classes(task, ("classification",), "mixup is for classes of whole texts")
            check_whole_batches(protocol, "mixup takes partners from the whole batch")

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.context = context

    def task_loss(self, step: Step) -> torch.Tensor | None:
        if not self.alpha:
            return None
        share, partners = self.draw(step)

        def mixed(state: torch.Tensor) -> torch.Tensor:
            return share * state + (1 - share) * state[partners]

        with input_changed(reader(step), mixed):
            logits = step.forward("shared")
        task, targets = step.task, step.targets
        return share * task.loss(logits, targets) + (1 - share) * task.loss(logits, targets[partners])

    def draw(self, step: Step) -> tuple[float, torch.Tensor]:
        """The share of an example in its mixture, and the partners (examples,) of a batch."""
        place = step.number, step.part
        share = np.random.default_rng(self.context.seed_of("share", *place)).beta(self.alpha, self.alpha)
        partners = torch.randperm(step.examples, generator=self.context.stream("partners", *place))
        return float(share), partners.to(step.targets.device, non_blocking=True)


def reader(step: Step) -> nn.Module:
    """The part of the head that reads the encoder's states: the first beside the pretrained model."""
    return next(child for child in step.model.children() if child is not step.encoder.base)
