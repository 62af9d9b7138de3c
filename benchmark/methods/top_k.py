"""Top-K tuning: train the top k encoder layers, pooler and head; freeze the rest.

A baseline of Xu et al., "Raise a Child in Large Language Model", EMNLP 2021, who report the best k of {0, 3,
6, 12}, and of HyPe, whose numbers for it are theirs. Dropout in frozen layers stays on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.common.suits import check_own_layers
from benchmark.methods.common.tensors import freeze
from benchmark.methods.reinit import ReInit
from benchmark.models.architecture import Encoder


@dataclass
class TopK(Method):
    """Freeze all but the top ``k`` layers, pooler and head.

    Embeddings are frozen too, unless k is the number of layers: then nothing is frozen.
    """

    paper: ClassVar[str] = "Xu et al., EMNLP 2021"
    cost: ClassVar[str] = "less than none: frozen layers need no gradients"
    not_captured = ""

    k: int = 3

    def __post_init__(self) -> None:
        if self.k < 0:
            raise BenchmarkError(f"k={self.k}: the number of layers to train must be at least 0")

    @property
    def exempt(self) -> dict[str, str]:
        return {"neutral": "the value of k that freezes nothing depends on the model"}

    def conflict(self, other: Method) -> str | None:
        if isinstance(other, ReInit) and other.layers > self.k:
            return (
                f"of the {other.layers} blocks drawn anew, those below the top k={self.k} would stay random"
            )
        return None

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        if self.k:
            check_own_layers(context, f"k={self.k}", "0")
        layers = len(context.encoder.layers)
        if self.k > layers:
            raise BenchmarkError(f"k={self.k}: the encoder has {layers} layers")
        if self.k < layers:
            freeze(model, lambda name: not self.trains(name, context.encoder))

    def trains(self, name: str, encoder: Encoder) -> bool:
        """True if the parameter ``name`` is trained while some layers are frozen."""
        depth = encoder.depth(name)
        if depth is None:
            return encoder.in_head(name) or encoder.in_pooler(name)
        return depth >= len(encoder.layers) - self.k
