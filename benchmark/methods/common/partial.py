"""Training of a small part of the encoder, shared by BitFit and LayerNorm tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.common.tensors import freeze
from benchmark.methods.mixout import Mixout
from benchmark.methods.reinit import ReInit


@dataclass
class PartialTuning(Method):
    """Train a part and the head at ``rate`` times the protocol's rate; freeze the rest.

    A pooler that the checkpoint lacks is trained with the head: frozen, it would stay as it was drawn.
    """

    cost: ClassVar[str] = "less than none: frozen weights need no gradients"
    not_captured = ""

    rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.rate < float("inf"):
            raise BenchmarkError(f"rate={self.rate}: a factor above 0 on the protocol's learning rate")

    @property
    def exempt(self) -> dict[str, str]:
        return {"neutral": "no value of rate trains the other weights"}

    def conflict(self, other: Method) -> str | None:
        if isinstance(other, PartialTuning):
            return "each freezes what the other one trains"
        if isinstance(other, Mixout):
            return "the matrices that Mixout mixes are frozen at their start, with which it mixes them"
        if isinstance(other, ReInit):
            return "the blocks drawn anew would stay random"
        return None

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        part, encoder = self.part(context), context.encoder
        freeze(model, lambda name: not (name in part or encoder.in_head(name) or encoder.is_new(name)))

    def part(self, context: Context) -> set[str]:
        """The names of the encoder's parameters that are trained."""
        raise NotImplementedError

    def rate_factor(self, name: str) -> float:
        return self.rate
