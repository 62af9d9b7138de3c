"""The packed layout for a CPU: first tokens come first, similar lengths attend together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch.nn import functional

from benchmark.models.packed_layout import PackedLayout

ALIKE = 0.8  # a group's shortest example has at least this share of the tokens of its longest


@dataclass(frozen=True)
class AlikeExamples:
    """A group of examples of similar length that attend together.

    ``bias`` (examples, 1, length) is -inf at padding; None: no padding. ``half``: all of them belong to this
    half of a doubled batch.
    """

    examples: int
    length: int
    bias: torch.Tensor | None
    half: int = 0


@dataclass(frozen=True)
class GroupIndices:
    """Indices that take the heads of packed tokens apart into groups and put them back.

    The rows of the groups stand one after the other as (heads, examples, length). ``take`` is, for every row,
    the index of its (tokens, heads). ``put`` is the reverse, without the tokens that are in no group.
    ``padding`` are the rows without a token.
    """

    take: torch.Tensor
    put: torch.Tensor
    padding: torch.Tensor


@dataclass
class GroupedLayout(PackedLayout):
    """The layout for a CPU, with examples of like length in ``groups``.

    In each half, the first tokens of all examples come first. ``rows`` are the packed places of each group's
    tokens (examples, length), -1 at padding.
    """

    groups: list[AlikeExamples]
    rows: list[np.ndarray]
    _indices: dict[tuple[int, bool], GroupIndices] = field(default_factory=dict)

    def firsts(self, states: torch.Tensor) -> torch.Tensor:
        halves = states.unflatten(1, (self.halves, -1))
        return halves[:, :, : self.padded[0] // self.halves].flatten(1, 2)

    def spread(self, firsts: torch.Tensor) -> torch.Tensor:
        """(examples, …) of first tokens -> (tokens, …), 0 for every other token."""
        halves = firsts.unflatten(0, (self.halves, -1))
        others = (len(self.tokens) - len(firsts)) // self.halves
        return functional.pad(halves, (0, 0) * (firsts.dim() - 1) + (0, others)).flatten(0, 1)

    def doubled(self) -> GroupedLayout:
        """The layout of the batch followed by the same batch.

        No group has examples of both halves.
        """
        examples, length = self.padded
        return GroupedLayout(
            (2 * examples, length),
            torch.cat([self.tokens, self.tokens + examples * length]),
            torch.cat([self.owner, self.owner + examples]),
            self.groups + [replace(group, half=1) for group in self.groups],
            self.rows + [np.where(rows < 0, -1, rows + len(self.tokens)) for rows in self.rows],
            halves=2,
        )

    def indices(self, heads: int, first_only: bool = False) -> GroupIndices:
        """The indices for ``heads`` heads, of all tokens or of first tokens only."""
        if (heads, first_only) not in self._indices:
            head = np.arange(heads)[:, None]
            rows = [r[:, :1] if first_only else r for r in self.rows]
            take = np.concatenate(
                [np.where(r.ravel() < 0, -1, r.ravel() * heads + head).ravel() for r in rows]
            )
            real = take >= 0
            put = np.full(len(self.tokens) * heads, -1)
            put[take[real]] = np.flatnonzero(real)
            indices = (np.maximum(take, 0), put[put >= 0], np.flatnonzero(~real))
            self._indices[heads, first_only] = GroupIndices(
                *(torch.from_numpy(i).to(self.tokens.device) for i in indices)
            )
        return self._indices[heads, first_only]


def grouped(real: np.ndarray) -> GroupedLayout:
    """Make the layout for a CPU from ``real`` (examples, length), true at tokens."""
    lengths = real.sum(1)
    places = np.flatnonzero(real)
    starts = np.cumsum(lengths) - lengths
    later = np.ones(len(places), bool)
    later[starts] = False
    order = np.concatenate([starts, np.flatnonzero(later)])
    row_of = np.empty(len(places), np.int64)
    row_of[order] = np.arange(len(places))
    groups, rows = [], []
    for members in alike(lengths):
        length = int(lengths[members].max())
        filled = np.arange(length) < lengths[members, None]
        inside = np.where(filled, starts[members, None] + np.arange(length), 0)
        rows.append(np.where(filled, row_of[inside], -1))
        bias = np.where(filled, 0.0, -np.inf).astype(np.float32)[:, None]
        groups.append(AlikeExamples(len(members), length, None if filled.all() else torch.from_numpy(bias)))
    owner = np.repeat(np.arange(len(lengths)), lengths)[order]
    return GroupedLayout(real.shape, torch.from_numpy(places[order]), torch.from_numpy(owner), groups, rows)


def alike(lengths: np.ndarray) -> list[np.ndarray]:
    """Split the examples into groups of similar ``lengths``, longest first."""
    order = np.argsort(-lengths, kind="stable")
    groups, begin = [], 0
    for end in range(1, len(order) + 1):
        if end == len(order) or lengths[order[end]] < ALIKE * lengths[order[begin]]:
            groups.append(order[begin:end])
            begin = end
    return groups
