"""The packed layout for a CPU: examples of like length attend in groups, first tokens lead the row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch.nn import functional

from benchmark.models.packed_layout import PackedLayout

ALIKE = 0.8  # examples attend in one group while the shortest has this share of the longest one's tokens


@dataclass(frozen=True)
class AlikeExamples:
    """Examples of like length, which attend together; ``bias`` (examples, 1, length) is -inf at padding.

    ``half`` is that of a doubled batch to which all of them belong.
    """

    examples: int
    length: int
    bias: torch.Tensor | None
    half: int = 0


@dataclass(frozen=True)
class GroupIndices:
    """How the heads of packed tokens are taken apart into groups and put together again.

    ``take`` says for every row of the groups, one after the other as (heads, examples, length), which of
    the (tokens, heads) it is; ``put`` the reverse, without the tokens that are in no group; ``padding`` are
    the rows that stand for no token.
    """

    take: torch.Tensor
    put: torch.Tensor
    padding: torch.Tensor


@dataclass
class GroupedLayout(PackedLayout):
    """The layout for a CPU: first tokens lead each half, and examples of like length attend in ``groups``.

    ``rows`` are the packed places of each group's tokens (examples, length), -1 at padding.
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
        """The layout of the batch with the same batch after it; no group has examples of both."""
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
        """The indices for attention of ``heads`` heads, of all tokens or the examples' first ones."""
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
    """The layout for a CPU of a batch with ``real`` (examples, length) tokens."""
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
    """The examples in groups of like ``lengths``, longest first."""
    order = np.argsort(-lengths, kind="stable")
    groups, begin = [], 0
    for end in range(1, len(order) + 1):
        if end == len(order) or lengths[order[end]] < ALIKE * lengths[order[begin]]:
            groups.append(order[begin:end])
            begin = end
    return groups
