"""Word embeddings of the training set's tokens, trained in a table of their own.

Most words of a vocabulary are in no example of a small training set. Their rows never have a gradient, so an
update only decays them. During training the model looks words up in a small table of the other rows, the live
ones, in the same order. The decay of the rest is made up for when the whole table is needed. All bits are the
same as when the whole table is trained.

The last row of the small table belongs to no word. It begins every update as 1 and never has a gradient.
After the update it holds the factor by which rows that are left out are multiplied, and it has their moments.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from benchmark.methods.base import Method
from benchmark.models.architecture import on_input
from benchmark.step.groups import ParameterGroup
from benchmark.step.optimizer import Optimizer
from benchmark.training.assemble import Training
from benchmark.training.onlooker import NOBODY, Onlooker

log = logging.getLogger(__name__)

LEAST = 1 << 18  # entries: leaving out fewer costs as much as it saves
# Entries that a processor adds at once: only rows of a multiple give the same norm with and without rows of 0
LANES = 16
PIECE = 1 << 14  # entries that stay in cache while all decays are multiplied


class Whole:
    """The ordinary table of word embeddings, which training reads and changes as a whole."""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Train only the live rows, for the block; after it the whole table is there again."""
        yield

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Have the whole table back for the block, inside of `alone`."""
        yield

    def updated(self) -> None:
        """Note the effect of an update on the rows that are left out."""


@dataclass
class WordTable:
    """A trained table of word embeddings, and the place of its weight in the optimiser."""

    words: nn.Embedding
    group: ParameterGroup
    place: int


class LiveRows(Whole):
    """The ``rows`` (live,) int64 of ``table`` that can have a gradient, in ascending order."""

    def __init__(self, table: WordTable, rows: torch.Tensor) -> None:
        self.table, self.rows = table, rows
        self.words, self.group, self.place = table.words, table.group, table.place
        self.weight = self.words.weight
        self.moments = [self.group.first[self.place], self.group.second[self.place]]
        self.padding = self.words.padding_idx
        self.lookup = torch.full((len(self.weight),), -1)  # looking up a row that is not live is an error
        self.lookup[rows] = torch.arange(len(rows))
        self.small = nn.Parameter(torch.ones(len(rows) + 1, self.weight.shape[1]))
        self.small_moments = [torch.zeros_like(self.small, requires_grad=False) for _ in self.moments]
        self.factors: list[float] = []
        self.handle: RemovableHandle | None = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        self._shrink()
        try:
            yield
        finally:
            self._expand()

    @contextmanager
    def whole(self) -> Iterator[None]:
        self._expand()
        try:
            yield
        finally:
            self._shrink()

    @torch.no_grad()
    def updated(self) -> None:
        factor = self.small[-1, 0].item()
        if factor != 1:
            self.factors.append(factor)
            self.small[-1].fill_(1)

    @torch.no_grad()
    def _shrink(self) -> None:
        """Put the small table in place of the whole one, in the model and in the optimiser."""
        small = [self.small, *self.small_moments]
        for mine, whole in zip(small, [self.weight, *self.moments], strict=True):
            mine[:-1] = whole[self.rows]
        if self.padding is not None:
            self.words.padding_idx = int(self.lookup[self.padding])
        self.handle = on_input(self.words, self._places)
        self._use(*small)

    @torch.no_grad()
    def _expand(self) -> None:
        """Put the whole table back, with the changes that training has made since."""
        if self.handle is None:
            return
        self._catch_up()
        for mine, whole in zip(self.small_moments, self.moments, strict=True):
            if mine[-1].any():  # Adamax adds its epsilon to the moments
                whole[:] = mine[-1]
        small = [self.small, *self.small_moments]
        for mine, whole in zip(small, [self.weight, *self.moments], strict=True):
            whole[self.rows] = mine[:-1]
        self.words.padding_idx = self.padding
        self.handle.remove()
        self.handle = None
        self._use(self.weight, *self.moments)

    def _places(self, ids: torch.Tensor) -> torch.Tensor:
        return self.lookup[ids]

    def _use(self, weight: Any, first: torch.Tensor, second: torch.Tensor) -> None:
        self.words.weight = self.group.parameters[self.place] = weight
        self.group.first[self.place], self.group.second[self.place] = first, second
        self.group.directions = []

    def _catch_up(self) -> None:
        """Multiply the table by all factors one after the other: their product would round differently."""
        if not self.factors:
            return
        entries = self.weight.detach().numpy().reshape(-1)
        factors = np.array(self.factors, np.float32)
        with np.errstate(all="ignore"):
            for begin in range(0, len(entries), PIECE):
                piece = entries[begin : begin + PIECE]
                for factor in factors:
                    np.multiply(piece, factor, out=piece)
        self.factors = []


def live_rows(training: Training, watch: Onlooker = NOBODY) -> Whole:
    """The live rows of a run's word embedding, or the whole table.

    The whole table is trained if a part of it would give other bits, or would save no time.
    """
    table = trained_table(training)
    if table is None or watch is not NOBODY or not separable(training):
        return Whole()
    if not multiplies(training.optimizer, table.group):
        return Whole()
    rows = read_rows(training, table.words)
    size, width = table.words.weight.shape
    if (size - len(rows)) * width < LEAST:
        return Whole()
    log.info("%d of %d rows of the word embedding are trained: no example has another", len(rows), size)
    return LiveRows(table, rows)


def separable(training: Training) -> bool:
    """True if nothing but the passes of updates reads or changes word embeddings between evaluations.

    On a GPU updates are captured with the tables that they use.
    """
    decoder = training.model.config.is_encoder_decoder  # a decoder reads further tokens
    return (
        training.device.type == "cpu"
        and not decoder
        and all(ignores_words(method) for method in training.methods.values())
    )


def ignores_words(method: Method) -> bool:
    """True if the very class of ``method`` says that it leaves words alone."""
    return bool(vars(type(method)).get("leaves_words_alone", False))


def trained_table(training: Training) -> WordTable | None:
    """The word embedding, if the model only looks words up in it and trains it; else None."""
    words = training.encoder.words
    if (
        type(words) is not nn.Embedding
        or words.max_norm is not None
        or words.scale_grad_by_freq
        or words.sparse
    ):
        return None
    weight = words.weight
    users = [m for m in training.model.modules() if any(p is weight for p in m.parameters(recurse=False))]
    plain = weight.dtype == torch.float32 and weight.is_contiguous() and weight.shape[1] % LANES == 0
    if users != [words] or not plain:
        return None
    for group in training.optimizer.groups:
        for place, parameter in enumerate(group.parameters):
            if parameter is weight:
                return WordTable(words, group, place)
    return None


def multiplies(optimizer: Optimizer, group: ParameterGroup) -> bool:
    """True if an update only multiplies weights without a gradient.

    In stages, decay may be part of a sum; a variant that needs whole tensors lets rows depend on each other.
    """
    added = group.weight_decay and optimizer.staged and optimizer.variant.decay == "inside"
    return not (added or optimizer.variant.whole)


def read_rows(training: Training, words: nn.Embedding) -> torch.Tensor:
    """The rows (live,) that the training set's tokens and padding read, in ascending order."""
    task = training.task
    read = torch.zeros(words.num_embeddings, dtype=torch.bool)
    read[torch.cat([ids.long() for ids in task.training.ids])] = True
    read[task.pad_id] = True
    if words.padding_idx is not None:
        read[words.padding_idx] = True
    return read.nonzero().squeeze(1)
