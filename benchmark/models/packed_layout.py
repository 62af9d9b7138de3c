"""Where the real tokens of a padded batch are, and the orders in which they are computed without padding."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch.nn import functional

ALIKE = 0.8  # examples attend in one group while the shortest has this share of the longest one's tokens


@dataclass(frozen=True)
class Group:
    """Examples of like length, which attend together; ``bias`` (examples, 1, length) is -inf at padding.

    ``half`` is that of a doubled batch to which all of them belong.
    """

    examples: int
    length: int
    bias: torch.Tensor | None
    half: int = 0


@dataclass(frozen=True)
class Apart:
    """How the heads of packed tokens are taken apart into groups and put together again.

    ``take`` says for every row of the groups, one after the other as (heads, examples, length), which of
    the (tokens, heads) it is; ``put`` the reverse, without the tokens that are in no group; ``padding`` are
    the rows that stand for no token.
    """

    take: torch.Tensor
    put: torch.Tensor
    padding: torch.Tensor


@dataclass(frozen=True)
class LinedUp:
    """The packed tokens example by example: ``order`` (tokens,) of packed places, ``back`` the reverse.

    ``offsets`` (examples + 1,) are where each example begins; ``shortest`` and ``longest`` its lengths.
    """

    order: torch.Tensor
    back: torch.Tensor
    offsets: torch.Tensor
    shortest: int
    longest: int


@dataclass
class Layout:
    """Where the real tokens of a padded batch of shape ``padded`` (examples, length) are.

    ``tokens`` (tokens,) are their places in the flattened batch in the packed order; ``owner`` (tokens,)
    is the example each belongs to; ``rows`` are the packed places of each group's tokens (examples, length),
    -1 at padding. A batch that is there twice has two ``halves``, one after the other in every respect.
    One that is ``filled`` up to a size has padding at the end of the row, and no groups.
    """

    padded: tuple[int, int]
    tokens: torch.Tensor
    owner: torch.Tensor
    groups: list[Group]
    rows: list[np.ndarray]
    halves: int = 1
    filled: bool = False
    _apart: dict[tuple[int, bool], Apart] = field(default_factory=dict)

    def pack(self, states: torch.Tensor) -> torch.Tensor:
        """(examples, length, hidden) -> (1, tokens, hidden)."""
        return states.flatten(0, 1).index_select(0, self.tokens).unsqueeze(0)

    def unpack(self, states: torch.Tensor) -> torch.Tensor:
        """(1, tokens, hidden) -> (examples, length, hidden), 0 at padding."""
        flat = states.new_zeros(self.padded[0] * self.padded[1], states.shape[-1])
        return flat.index_copy(0, self.tokens, states.squeeze(0)).view(*self.padded, -1)

    def firsts(self, states: torch.Tensor) -> torch.Tensor:
        """(1, tokens, hidden) -> (1, examples, hidden), the first token of every example; they lead each half."""
        halves = states.unflatten(1, (self.halves, -1))
        return halves[:, :, : self.padded[0] // self.halves].flatten(1, 2)

    def spread(self, firsts: torch.Tensor) -> torch.Tensor:
        """(examples, …) of first tokens -> (tokens, …), 0 for every other token."""
        halves = firsts.unflatten(0, (self.halves, -1))
        others = (len(self.tokens) - len(firsts)) // self.halves
        return functional.pad(halves, (0, 0) * (firsts.dim() - 1) + (0, others)).flatten(0, 1)

    def doubled(self) -> Layout:
        """The layout of the batch with the same batch after it; no group has examples of both."""
        assert not self.filled
        examples, length = self.padded
        return Layout(
            (2 * examples, length),
            torch.cat([self.tokens, self.tokens + examples * length]),
            torch.cat([self.owner, self.owner + examples]),
            self.groups + [replace(group, half=1) for group in self.groups],
            self.rows + [np.where(rows < 0, -1, rows + len(self.tokens)) for rows in self.rows],
            halves=2,
        )

    def largest(self, values: torch.Tensor) -> torch.Tensor:
        """The largest of ``values`` (1, tokens, hidden) in each token's example, as (1, tokens, 1)."""
        by_token = values.amax(-1)[0]
        by_example = by_token.new_zeros(self.padded[0]).scatter_reduce(
            0, self.owner, by_token, "amax", include_self=False
        )
        return by_example[self.owner][None, :, None]

    @cached_property
    def lined_up(self) -> LinedUp:
        """The order in which kernels for sequences of unlike length want the tokens."""
        examples = [row[row >= 0] for rows in self.rows for row in rows]
        places, lengths = np.concatenate(examples), [len(row) for row in examples]
        arrays = (places, np.argsort(places), np.cumsum([0, *lengths]))
        order, back, offsets = (
            torch.from_numpy(array).to(self.tokens.device, non_blocking=True) for array in arrays
        )
        if self.filled:  # whatever batch is of this size
            return LinedUp(order, back, offsets, 1, max(self.padded[1], gap(len(places))))
        return LinedUp(order, back, offsets, min(lengths), max(lengths))

    def filled_up(self) -> Layout | None:
        """The layout with padding up to one of a few sizes, which attends to itself alone; None without room for any."""
        tokens, places = len(self.tokens), self.padded[0] * self.padded[1]
        if tokens == places:
            return None
        step = gap(tokens + 1)
        size = min((tokens // step + 1) * step, places)
        padding = np.setdiff1d(np.arange(places), self.tokens.numpy())[: size - tokens]
        return Layout(
            self.padded,
            torch.cat([self.tokens, torch.from_numpy(padding)]),
            torch.cat([self.owner, torch.from_numpy(padding // self.padded[1])]),
            [],
            [*self.rows, np.arange(tokens, size)[None]],
            filled=True,
        )

    def on(self, device: torch.device) -> Layout:
        """A layout that is filled, on ``device``, in memory of its own."""
        there = replace(
            self, tokens=self.tokens.to(device, copy=True), owner=self.owner.to(device, copy=True)
        )
        _ = there.lined_up  # made now: while a pass is recorded, it would be made in the recording's memory
        return there

    def become(self, other: Layout) -> None:
        """Take what ``other``, filled to the same size, has, into the memory of this one."""
        for mine, theirs in zip(self._tensors(), other._tensors(), strict=True):
            mine.copy_(theirs, non_blocking=True)

    def _tensors(self) -> list[torch.Tensor]:
        lined = self.lined_up
        return [self.tokens, self.owner, lined.order, lined.back, lined.offsets]

    def apart(self, heads: int, first_only: bool = False) -> Apart:
        """The indices for attention of ``heads`` heads, of all tokens or the examples' first ones."""
        if (heads, first_only) not in self._apart:
            head = np.arange(heads)[:, None]
            rows = [r[:, :1] if first_only else r for r in self.rows]
            take = np.concatenate(
                [np.where(r.ravel() < 0, -1, r.ravel() * heads + head).ravel() for r in rows]
            )
            real = take >= 0
            put = np.full(len(self.tokens) * heads, -1)
            put[take[real]] = np.flatnonzero(real)
            indices = (np.maximum(take, 0), put[put >= 0], np.flatnonzero(~real))
            self._apart[heads, first_only] = Apart(
                *(torch.from_numpy(i).to(self.tokens.device) for i in indices)
            )
        return self._apart[heads, first_only]


def gap(tokens: int) -> int:
    """How far apart the sizes are to which so many tokens are filled up: eight of them per doubling."""
    return 1 << max(tokens.bit_length() - 4, 3)


def layout_of(attention_mask: torch.Tensor, device: torch.device | None = None) -> Layout:
    """The layout, on ``device``, of a batch with ``attention_mask`` (examples, length), 1 at real tokens."""
    device = attention_mask.device if device is None else device
    real = attention_mask.cpu().numpy().astype(bool)
    lengths = real.sum(1)
    places = np.flatnonzero(real)
    starts = np.cumsum(lengths) - lengths
    later = np.ones(len(places), bool)
    later[starts] = False
    order = np.concatenate([starts, np.flatnonzero(later)])
    row_of = np.empty(len(places), np.int64)
    row_of[order] = np.arange(len(places))

    def on_device(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(device, non_blocking=True)

    groups, rows = [], []
    for members in alike(lengths):
        length = int(lengths[members].max())
        filled = np.arange(length) < lengths[members, None]
        inside = np.where(filled, starts[members, None] + np.arange(length), 0)
        rows.append(np.where(filled, row_of[inside], -1))
        bias = np.where(filled, 0.0, -np.inf).astype(np.float32)[:, None]
        groups.append(Group(len(members), length, None if filled.all() else on_device(bias)))
    owner = np.repeat(np.arange(len(lengths)), lengths)[order]
    return Layout(real.shape, on_device(places[order]), on_device(owner), groups, rows)


def alike(lengths: np.ndarray) -> list[np.ndarray]:
    """The examples in groups of like ``lengths``, longest first."""
    order = np.argsort(-lengths, kind="stable")
    groups, begin = [], 0
    for end in range(1, len(order) + 1):
        if end == len(order) or lengths[order[end]] < ALIKE * lengths[order[begin]]:
            groups.append(order[begin:end])
            begin = end
    return groups
