"""Match-Tuning: predict from mixtures of the examples of a batch, weighted by how alike they are.

Tong et al., "Robust Fine-tuning via Perturbation and Interpolation from In-batch Instances", IJCAI 2022. With the vectors
Z (examples, units) from which the head's last layer makes logits, it reads

    Z' = softmax(Z Z^T / temperature) Z

in training; the softmax is over the examples of the batch. At first the others are a perturbation, later the matrix is nearly
that of the classes. From the released code, which is this equation alone: it names no temperature, and has a dense layer
without activation in front, where heads have theirs. An evaluation is of each example alone, for which Z' is Z: in batches,
the score of an example would depend on its neighbours. A batch is part of the method, so that parts of one are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.config.schema import ProtocolConfig, TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.common.divergences import at_least_float32
from benchmark.methods.common.suits import check_kind, check_whole_batches
from benchmark.models.architecture import Encoder, on_input


@dataclass
class MatchTuning(Method):
    """Replace every example of a training batch by a mean of like ones.

    A low ``temperature`` gives all of the mean to the likest.
    """

    paper: ClassVar[str] = "Tong et al., IJCAI 2022"
    cost: ClassVar[str] = "two products of the size of a batch"
    not_captured = ""

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise BenchmarkError(f"temperature={self.temperature}: must be above 0")

    @property
    def exempt(self) -> dict[str, str]:
        return {
            "neutral": "no temperature leaves every example as it is",
            "accumulation": "examples of the same batch are matched, and parts of one are refused",
        }

    @property
    def needs_separate_passes(self) -> bool:
        return True  # the halves of a doubled batch are no examples of one batch

    def check(self, protocol: ProtocolConfig, task: TaskConfig) -> None:
        check_kind(task, ("classification",), "match-tuning is of whole texts")
        check_whole_batches(protocol, "match-tuning is of the whole batch")

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        last = last_layer(context.encoder)
        on_input(last, lambda state: self.matched(state) if last.training else state)

    def matched(self, state: torch.Tensor) -> torch.Tensor:
        """The mixtures of ``state`` (examples, units)."""
        wide = at_least_float32(state)
        return ((wide @ wide.T / self.temperature).softmax(-1) @ wide).to(state.dtype)


def last_layer(encoder: Encoder) -> nn.Linear:
    """The linear layer that makes the logits: the last one of the head."""
    return [
        module
        for name, module in encoder.model.named_modules()
        if isinstance(module, nn.Linear) and encoder.in_head(name)
    ][-1]
