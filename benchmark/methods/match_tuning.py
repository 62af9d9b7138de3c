"""Match-Tuning: predict from mixtures of the examples of a batch, weighted by their similarity.

Tong et al., "Robust Fine-tuning via Perturbation and Interpolation from In-batch Instances", IJCAI 2022. With the vectors
Z (examples, units) from which the head's last layer makes logits, it reads

    Z' = softmax(Z Z^T / temperature) Z

in training; the softmax is over the examples of the batch. At first the other examples act as a perturbation;
later the matrix mixes mostly examples of one class. The released code has this equation without a
temperature, and in front of it a dense layer without activation where other heads have their own. In an
evaluation every example is alone, so that Z' is Z: in batches, an example's score would depend on its
neighbours. The batch is part of the method, so micro-batches are refused.
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
    """Replace every example of a training batch by a mean of similar examples.

    The lower the ``temperature``, the more the most similar example counts.
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
            "accumulation": "examples of the same batch are matched, so micro-batches are refused",
        }

    @property
    def needs_separate_passes(self) -> bool:
        return True  # the two halves of a doubled batch must not be mixed

    def check(self, protocol: ProtocolConfig, task: TaskConfig) -> None:
        check_kind(task, ("classification",), "match-tuning is for tasks of whole texts")
        check_whole_batches(protocol, "match-tuning needs the whole batch")

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
