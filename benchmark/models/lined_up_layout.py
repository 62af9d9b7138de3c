"""The packed layout for a GPU: example after example, padded to one of a few sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmark.models.packed_layout import PackedLayout

# Tokens of a sequence of padding: not longer than texts, since a kernel waits for its longest sequence
PADDING = 32


@dataclass
class LinedUpLayout(PackedLayout):
    """The layout for a GPU: the tokens of one example after another.

    Kernels for sequences of different lengths need this order. ``offsets`` (sequences + 1,) int32 are the
    starts of the sequences. Each has at most ``longest`` tokens, which must not exceed the number of all
    tokens: the kernels refuse that. ``back`` (places,) is the packed token at every place of the padded
    batch, -1 at padding. After `filled_up`, each half ends with sequences of padding that attend only to
    themselves.
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
        """(1, sequences, hidden) -> (examples, 1, hidden), without sequences of padding."""
        halves = firsts.unflatten(1, (self.halves, -1))[:, :, : self.padded[0] // self.halves]
        return halves.flatten(1, 2).transpose(0, 1)

    def doubled(self) -> LinedUpLayout:
        examples, length = self.padded
        return LinedUpLayout(
            (2 * examples, length),
            torch.cat([self.tokens, self.tokens + examples * length]),
            torch.cat([self.owner, self.owner + examples]),
            torch.cat([self.offsets, self.offsets[1:] + len(self.tokens)]),
            torch.cat([self.back, torch.where(self.back < 0, -1, self.back + len(self.tokens))]),
            self.longest,
            halves=2,
        )

    def filled_up(self) -> LinedUpLayout | None:
        """The layout with padding up to one of a few sizes.

        The size decides the number of sequences of padding. None if the batch has too little padding.
        """
        tokens, places = len(self.tokens), self.padded[0] * self.padded[1]
        size = tokens
        while size - tokens < sequences_of_padding(size):
            if size == places:
                return None
            size = min(next_size(size), places)
        padding = np.flatnonzero(self.back.numpy() < 0)[: size - tokens]
        ends = tokens + np.linspace(0, len(padding), 1 + sequences_of_padding(size))[1:]
        return LinedUpLayout(
            self.padded,
            torch.cat([self.tokens, torch.from_numpy(padding)]),
            torch.cat([self.owner, torch.from_numpy(padding // self.padded[1])]),
            torch.cat([self.offsets, torch.from_numpy(ends.astype(np.int32))]),
            self.back,
            min(max(self.padded[1], PADDING + 2), size),  # the same for every batch of this size
        )

    def on(self, device: torch.device) -> LinedUpLayout:
        """The layout on ``device``, in memory of its own."""
        tokens, owner, offsets, back = (t.to(device, copy=True, non_blocking=True) for t in self._tensors())
        return replace(self, tokens=tokens, owner=owner, offsets=offsets, back=back)

    def become(self, other: LinedUpLayout) -> None:
        """Copy ``other``, a layout of the same size, into the memory of this layout."""
        for mine, theirs in zip(self._tensors(), other._tensors(), strict=True):
            mine.copy_(theirs, non_blocking=True)

    def _tensors(self) -> list[torch.Tensor]:
        return [self.tokens, self.owner, self.offsets, self.back]


class _Gathered(torch.autograd.Function):
    """Gather rows of ``states`` (n, hidden) at ``take`` (m,), 0 where it is -1.

    ``give`` (n,) are the inverse indices. Both forward and backward are gathers, since a deterministic
    scatter would sort first.
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


def next_size(tokens: int) -> int:
    """The smallest size of more than ``tokens`` to which batches are filled up."""
    distance = gap(tokens + 1)
    return (tokens // distance + 1) * distance


def sequences_of_padding(size: int) -> int:
    """The number of sequences, none empty, of a ``size``'s padding."""
    return max(gap(size - 1) // PADDING, 1)


def gap(tokens: int) -> int:
    """The distance between the sizes near ``tokens`` to which batches are filled up.

    There are eight sizes per doubling.
    """
    return 1 << max(tokens.bit_length() - 4, 3)


def lined_up(real: np.ndarray) -> LinedUpLayout:
    """Make the layout for a GPU from ``real`` (examples, length), true at tokens.

    Its tensors are on the host.
    """
    places = np.flatnonzero(real)
    offsets = np.concatenate([[0], np.cumsum(real.sum(1))]).astype(np.int32)
    back = np.full(real.size, -1)
    back[places] = np.arange(len(places))
    owner = torch.from_numpy(places // real.shape[1])
    return LinedUpLayout(
        real.shape,
        torch.from_numpy(places),
        owner,
        torch.from_numpy(offsets),
        torch.from_numpy(back),
        real.shape[1],
    )
