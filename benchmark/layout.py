"""Where the real tokens of a padded batch are, and the orders in which they are computed without padding."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

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


@dataclass
class Layout:
    """Where the real tokens of a padded batch of shape ``padded`` (examples, length) are.

    ``tokens`` (tokens,) are their places in the flattened batch in the packed order; ``owner`` (tokens,)
    is the example each belongs to. A batch that is there twice has two ``halves``, one after the other.
    """

    padded: tuple[int, int]
    tokens: torch.Tensor
    owner: torch.Tensor
    halves: int = field(default=1, kw_only=True)

    def pack(self, states: torch.Tensor) -> torch.Tensor:
        """(examples, length, hidden) -> (1, tokens, hidden)."""
        return states.flatten(0, 1).index_select(0, self.tokens).unsqueeze(0)

    def unpack(self, states: torch.Tensor) -> torch.Tensor:
        """(1, tokens, hidden) -> (examples, length, hidden), 0 at padding."""
        flat = states.new_zeros(self.padded[0] * self.padded[1], states.shape[-1])
        return flat.index_copy(0, self.tokens, states.squeeze(0)).view(*self.padded, -1)

    def largest(self, values: torch.Tensor) -> torch.Tensor:
        """The largest of ``values`` (1, tokens, hidden) in each token's example, as (1, tokens, 1)."""
        by_token = values.amax(-1)[0]
        by_example = by_token.new_zeros(self.padded[0]).scatter_reduce(
            0, self.owner, by_token, "amax", include_self=False
        )
        return by_example[self.owner][None, :, None]

    def firsts(self, states: torch.Tensor) -> torch.Tensor:
        """(1, tokens, hidden) -> (1, firsts, hidden): the first token of every example."""
        raise NotImplementedError

    def of_examples(self, firsts: torch.Tensor) -> torch.Tensor:
        """(1, firsts, hidden) -> (examples, 1, hidden)."""
        return firsts.transpose(0, 1)

    def doubled(self) -> Layout:
        """The layout of the batch with the same batch after it."""
        raise NotImplementedError


@dataclass
class Grouped(Layout):
    """The layout for a CPU: first tokens lead each half, and examples of like length attend in ``groups``.

    ``rows`` are the packed places of each group's tokens (examples, length), -1 at padding.
    """

    groups: list[Group]
    rows: list[np.ndarray]
    _apart: dict[tuple[int, bool], Apart] = field(default_factory=dict)

    def firsts(self, states: torch.Tensor) -> torch.Tensor:
        halves = states.unflatten(1, (self.halves, -1))
        return halves[:, :, : self.padded[0] // self.halves].flatten(1, 2)

    def spread(self, firsts: torch.Tensor) -> torch.Tensor:
        """(examples, …) of first tokens -> (tokens, …), 0 for every other token."""
        halves = firsts.unflatten(0, (self.halves, -1))
        others = (len(self.tokens) - len(firsts)) // self.halves
        return functional.pad(halves, (0, 0) * (firsts.dim() - 1) + (0, others)).flatten(0, 1)

    def doubled(self) -> Grouped:
        """The layout of the batch with the same batch after it; no group has examples of both."""
        examples, length = self.padded
        return Grouped(
            (2 * examples, length),
            torch.cat([self.tokens, self.tokens + examples * length]),
            torch.cat([self.owner, self.owner + examples]),
            self.groups + [replace(group, half=1) for group in self.groups],
            self.rows + [np.where(rows < 0, -1, rows + len(self.tokens)) for rows in self.rows],
            halves=2,
        )

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


@dataclass
class LinedUp(Layout):
    """The layout for a GPU: tokens example by example, as kernels for sequences of unlike length want them.

    ``offsets`` (sequences + 1,) int32 say where each begins, of at most ``longest`` tokens. ``back`` (places,)
    is the packed token at every place of the padded batch, -1 at padding. Filled up to a size, each half ends
    with a sequence of padding that attends to itself alone (`filled_up`).
    """

    offsets: torch.Tensor
    back: torch.Tensor
    longest: int

    def pack(self, states: torch.Tensor) -> torch.Tensor:
        return _Gathered.apply(states.flatten(0, 1), self.tokens, self.back).unsqueeze(0)

    def unpack(self, states: torch.Tensor) -> torch.Tensor:
        return _Gathered.apply(states.squeeze(0), self.back, self.tokens).view(*self.padded, -1)

    def firsts(self, states: torch.Tensor) -> torch.Tensor:
        """(1, tokens, hidden) -> (1, sequences, hidden): the first token of every sequence."""
        return states.index_select(1, self.offsets[:-1])

    def of_examples(self, firsts: torch.Tensor) -> torch.Tensor:
        """(1, sequences, hidden) -> (examples, 1, hidden), without those of padding."""
        halves = firsts.unflatten(1, (self.halves, -1))[:, :, : self.padded[0] // self.halves]
        return halves.flatten(1, 2).transpose(0, 1)

    def doubled(self) -> LinedUp:
        examples, length = self.padded
        return LinedUp(
            (2 * examples, length),
            torch.cat([self.tokens, self.tokens + examples * length]),
            torch.cat([self.owner, self.owner + examples]),
            torch.cat([self.offsets, self.offsets[1:] + len(self.tokens)]),
            torch.cat([self.back, torch.where(self.back < 0, -1, self.back + len(self.tokens))]),
            self.longest,
            halves=2,
        )

    def filled_up(self) -> LinedUp | None:
        """The layout with padding up to one of a few sizes; None without room for any."""
        tokens, places = len(self.tokens), self.padded[0] * self.padded[1]
        if tokens == places:
            return None
        step = gap(tokens + 1)
        size = min((tokens // step + 1) * step, places)
        padding = np.setdiff1d(np.arange(places), self.tokens.numpy(), assume_unique=True)[: size - tokens]
        return LinedUp(
            self.padded,
            torch.cat([self.tokens, torch.from_numpy(padding)]),
            torch.cat([self.owner, torch.from_numpy(padding // self.padded[1])]),
            torch.cat([self.offsets, torch.tensor([size], dtype=torch.int32)]),
            self.back,
            max(self.padded[1], gap(size)),  # whatever batch is of this size
        )

    def on(self, device: torch.device) -> LinedUp:
        """The layout on ``device``, in memory of its own."""
        return replace(self, **{name: value.to(device, copy=True) for name, value in self._tensors().items()})

    def become(self, other: LinedUp) -> None:
        """Take what ``other``, filled to the same size, has, into the memory of this one."""
        theirs = other._tensors()
        for name, value in self._tensors().items():
            value.copy_(theirs[name], non_blocking=True)

    def _tensors(self) -> dict[str, torch.Tensor]:
        return {name: getattr(self, name) for name in ("tokens", "owner", "offsets", "back")}


class _Gathered(torch.autograd.Function):
    """Rows of ``states`` (n, hidden) at ``take`` (m,), 0 where that is -1; ``give`` (n,) is the way back.

    Forward and backward are both a gather: what scatters is sorted first where it must be deterministic.
    """

    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, take: torch.Tensor, give: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(give)
        return _gathered(states, take)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (give,) = ctx.saved_tensors
        return _gathered(gradient, give), None, None


def _gathered(states: torch.Tensor, take: torch.Tensor) -> torch.Tensor:
    return states.index_select(0, take.clamp_min(0)).mul_((take >= 0).unsqueeze(1))


def gap(tokens: int) -> int:
    """How far apart the sizes are to which so many tokens are filled up: eight of them per doubling."""
    return 1 << max(tokens.bit_length() - 4, 3)


def layout_of(attention_mask: torch.Tensor, device: torch.device | None = None) -> Layout:
    """The layout, on ``device``, of a batch with ``attention_mask`` (examples, length), 1 at real tokens."""
    device = attention_mask.device if device is None else device
    real = attention_mask.cpu().numpy().astype(bool)
    return grouped(real) if device.type == "cpu" else lined_up(real).on(device)


def lined_up(real: np.ndarray) -> LinedUp:
    """The layout for a GPU, on the host, of a batch with ``real`` (examples, length) tokens."""
    places = np.flatnonzero(real)
    offsets = np.concatenate([[0], np.cumsum(real.sum(1))]).astype(np.int32)
    back = np.full(real.size, -1)
    back[places] = np.arange(len(places))
    arrays = (torch.from_numpy(array) for array in (places, places // real.shape[1], offsets, back))
    return LinedUp(real.shape, *arrays, real.shape[1])


def grouped(real: np.ndarray) -> Grouped:
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
        groups.append(Group(len(members), length, None if filled.all() else torch.from_numpy(bias)))
    owner = np.repeat(np.arange(len(lengths)), lengths)[order]
    return Grouped(real.shape, torch.from_numpy(places[order]), torch.from_numpy(owner), groups, rows)


def alike(lengths: np.ndarray) -> list[np.ndarray]:
    """The examples in groups of like ``lengths``, longest first."""
    order = np.argsort(-lengths, kind="stable")
    groups, begin = [], 0
    for end in range(1, len(order) + 1):
        if end == len(order) or lengths[order[end]] < ALIKE * lengths[order[begin]]:
            groups.append(order[begin:end])
            begin = end
    return groups
