"""Sentence retrieval by the nearest neighbours of sentence vectors (Tatoeba).

Nothing is trained here: these are evaluation sets of models trained on other tasks. English sentences are the
queries, those of the other language the candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import torch
from transformers import PreTrainedModel

from benchmark.config.schema import SplitConfig
from benchmark.config.splits import place_of
from benchmark.config.task_options import RetrievalConfig
from benchmark.data.reader import Reader
from benchmark.errors import BenchmarkError
from benchmark.models import pretrained
from benchmark.models.architecture import at_layers, encoder_of
from benchmark.models.packing import Packing
from benchmark.tasks import columns, neighbours
from benchmark.tasks.kind import Examples, Inputs, Kind, Measure, scored
from benchmark.tasks.pooling import chosen_layer, mean_pooled
from benchmark.tasks.vectors import Vectors

THIRDS = 2 / 3  # the default layer, as a share of the depth: XTREME's 8 of 12
LONGEST = 512  # tokens of a sentence, unless a split has another limit


@dataclass(frozen=True)
class Bitext(Examples):
    """Sentences of two languages, pair by pair.

    Those of the other language come first, then as many in English.
    """

    @property
    def has_gold(self) -> np.ndarray:
        """True for every pair: sentences that stand in one row belong together."""
        return np.ones(len(self) // 2, bool)


@dataclass(frozen=True)
class Retrieval(Kind):
    """Retrieval by sentence vectors: the mean over the tokens' states in one layer.

    See `benchmark.config.task_options.RetrievalConfig` for ``options``. Outputs are by layer: the layers that the options
    compare, of ``depth``.
    """

    head: ClassVar[str] = ""
    labels: ClassVar[list[str]] = []  # type: ignore[misc]

    options: RetrievalConfig = field(default_factory=RetrievalConfig)
    depth: int = 0

    @classmethod
    def of(cls, reader: Reader) -> Self:
        return cls(reader.task.retrieval, pretrained.depth(reader.model, reader.cache))

    def read(self, reader: Reader, split: SplitConfig, training: bool) -> Examples:
        """Read sentences of two languages, pair by pair."""
        rows, empty = self.look(reader, split, training)
        fields, _ = reader.columns(split)
        texts = [text.strip() for name in fields for text in rows.column(name)]
        ids = reader.encoded(texts, reader.limit(split, LONGEST))
        return Bitext(ids, None, np.zeros(0), left_out=rows.left_out, empty=empty)

    def look(self, reader: Reader, split: SplitConfig, training: bool) -> Any:
        """Check a split; its rows, and the number of those with an empty text."""
        fields, _ = reader.columns(split)
        columns.check_room(reader.tokenizer, reader.limit(split, LONGEST), 1, place_of(split))
        rows = reader.rows(split, fields)
        return rows, columns.check_texts(rows, fields)

    @property
    def units(self) -> int:
        return 0

    def items(self, raw: torch.Tensor, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("sentence retrieval is not trained")

    loss = place = items  # type: ignore[assignment]

    @property
    def fixed(self) -> int:
        """The layer in use, unless the rule chooses one."""
        return self.options.layers.get(str(self.depth), round(THIRDS * self.depth))

    @property
    def layers(self) -> list[int]:
        """The layers whose vectors are kept; 0 is the first layer's input."""
        fixed, compared = self.fixed, self.options.compared
        every = range(1, self.depth + 1) if self.options.rule != "fixed" and not compared else compared
        layers = sorted({*every, *([fixed] if self.options.rule == "fixed" else [])})
        if wrong := [layer for layer in layers if not 0 <= layer <= self.depth]:
            raise BenchmarkError(
                f"task.retrieval: no layer {wrong[0]}; the model has {self.depth} (0 is the first one's input)"
            )
        return layers

    def measured(self, model: PreTrainedModel, inputs: Inputs) -> torch.Tensor:
        """Compute sentence vectors (examples, layers, width)."""
        encoder = encoder_of(model)
        packing: Packing | None = getattr(encoder.layers[0], "packing", None)
        padded = inputs["attention_mask"]
        mask = padded if self.options.special else inner(padded)
        vectors: dict[int, torch.Tensor] = {}

        def pool(layer: int, state: torch.Tensor) -> torch.Tensor:
            whole_state = state if packing is None else packing.of(padded).unpack(state)
            vectors[layer] = mean_pooled([whole_state], mask)[0]
            return state

        with whole(packing), at_layers(encoder, self.layers, pool):
            encoder.base(**inputs)
        return torch.stack([vectors[layer] for layer in self.layers], 1)

    def room(self, count: int) -> Any:
        return Vectors(count)

    def outputs(self, examples: Any, rows: Any, measure: Measure) -> np.ndarray:
        """The row of the nearest sentence to each English one, (layers, sentences)."""
        count = len(examples) // 2
        nearest = [
            neighbours.nearest(rows.of(layer, slice(count, None)), rows.of(layer, slice(count)))
            for layer in range(len(self.layers))
        ]
        return torch.stack(nearest).numpy().astype(np.int32)

    def score(self, outputs: np.ndarray, examples: Any, measure: Measure) -> dict[str, float]:
        gold = np.arange(outputs.shape[1])
        return self.by_layer([scored(measure, rows, gold) for rows in outputs])

    def by_layer(
        self, scores: list[dict[str, float]], dev: list[dict[str, float]] | None = None
    ) -> dict[str, float]:
        """The scores of the chosen layer, and ``METRIC@LAYER`` and ``dev@LAYER`` of all compared layers."""
        main = next(iter(scores[0]))
        test = {layer: values[main] for layer, values in zip(self.layers, scores, strict=True)}
        on_dev = (
            {layer: values[main] for layer, values in zip(self.layers, dev, strict=True)} if dev else None
        )
        layer = chosen_layer(self.options.rule, self.fixed, on_dev, test)
        every = {f"{main}@{number}": value for number, value in test.items()} if len(test) > 1 else {}
        every |= {f"dev@{number}": value for number, value in (on_dev or {}).items() if every}
        return scores[self.layers.index(layer)] | every

    def collapsed(self, outputs: np.ndarray) -> bool:
        return bool((outputs == outputs[:, :1]).all())


@contextmanager
def whole(packing: Packing | None) -> Iterator[None]:
    """Let the last layer compute all tokens, for a while.

    The head of the model may read the first only.
    """
    if packing is None:
        yield
        return
    before, packing.first_only = packing.first_only, False
    try:
        yield
    finally:
        packing.first_only = before


def inner(mask: torch.Tensor) -> torch.Tensor:
    """``mask`` (sentences, tokens) without the first and the last real token of each sentence."""
    before, after = mask.cumsum(1), mask.flip(1).cumsum(1).flip(1)
    return mask * (before > 1) * (after > 1)
