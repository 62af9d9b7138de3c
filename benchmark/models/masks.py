"""Chance by the entry: masks that are cheap to draw, and dropout that is the same whenever a pass is repeated.

PyTorch draws a dropout mask on a CPU at 6 ns per entry, a third of the time of a step. Here an entry
costs 16 bits of a 64-bit draw, a tenth of that. Every mask of a pass has a generator of its own, so that
what one place draws never depends on how much another place drew. Two passes that are one doubled batch
draw what each would draw alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmark import randomness

FEW = 1 << 12  # entries that are drawn sooner than a generator of their own is made
CHANCES = 1 << 16  # a probability is rounded to a multiple of 1 / CHANCES


SeedOf = Callable[[int], int]  # the seed of a pass -> that of a stream which is named by it


class _Pass:
    """The seed of the pass at hand, or of each half of a doubled batch, and how many masks each has drawn."""

    seeds: tuple[int, ...] = (0,)
    masks: ClassVar[list[int]] = [0]
    number = -1  # of the passes of the update that is being noted
    named: list[tuple[int, SeedOf]] | None = None
    captured: PassStreams | None = None


class PassStreams:
    """What a captured update draws from on ``device``: a stream for each of its passes' dropout.

    ``named`` are the streams that are named by a pass (`stream_of_pass`): its number, and their seed.
    """

    def __init__(self, device: torch.device, passes: int, named: Sequence[tuple[int, SeedOf]]) -> None:
        self.dropout = [randomness.generator(device) for _ in range(passes)]
        self.named = [(number, seed_of, randomness.generator(device)) for number, seed_of in named]
        self.rewind()

    def rewind(self) -> None:
        """Begin with the first pass again."""
        self.next_dropout, self.next_named = iter(self.dropout), iter(self.named)

    def seed(self, seeds: Sequence[int]) -> None:
        """Begin every stream anew; ``seeds`` are those of the passes."""
        for generator, seed in zip(self.dropout, seeds, strict=True):
            generator.manual_seed(seed)
        for number, seed_of, generator in self.named:
            generator.manual_seed(seed_of(seeds[number]))

    @property
    def generators(self) -> list[torch.Generator]:
        """All of them."""
        return [*self.dropout, *(generator for _, _, generator in self.named)]


def start_pass(*seeds: int) -> None:
    """Draw whatever the next forward pass draws from a seed; if its batch is doubled, each half from its own."""
    _Pass.number += 1
    if _Pass.captured is not None:
        draw_from(next(_Pass.captured.next_dropout))
        return
    torch.manual_seed(seeds[0])  # for whatever does not draw here: a GPU, a model's own functional dropout
    _Pass.seeds, _Pass.masks = seeds, [0] * len(seeds)


def stream_of_pass(seed_of: SeedOf, device: torch.device) -> torch.Generator:
    """A random stream on ``device`` for the pass at hand, named by its seed."""
    if _Pass.captured is not None:
        return next(_Pass.captured.next_named)[2]
    if _Pass.named is not None:
        _Pass.named.append((_Pass.number, seed_of))
    return randomness.generator(device).manual_seed(seed_of(torch.initial_seed()))


def draw_from(generator: torch.Generator) -> torch.Generator:
    """Let the GPU of ``generator`` draw its dropout from it, in a graph that is being captured as well.

    Returns what it drew from before.
    """
    index = generator.device.index  # None is the current one
    default = torch.cuda.default_generators[torch.cuda.current_device() if index is None else index]
    before = default.graphsafe_get_state()
    default.graphsafe_set_state(generator)
    return before


@contextmanager
def noted() -> Iterator[list[tuple[int, SeedOf]]]:
    """While an update is computed: the streams that are named by its passes."""
    named: list[tuple[int, SeedOf]] = []
    _Pass.number, _Pass.named = -1, named
    try:
        yield named
    finally:
        _Pass.named = None


@contextmanager
def captured(streams: PassStreams) -> Iterator[None]:
    """While an update is captured, its passes draw from ``streams``."""
    before = draw_from(streams.dropout[0])
    _Pass.captured = streams
    streams.rewind()
    try:
        yield
    finally:
        _Pass.captured = None
        draw_from(before)


def mask(shape: tuple[int, ...], keep: float, half: int | None = None) -> torch.Tensor:
    """The pass's next mask: uint8 of ``shape`` on the CPU, 1 with probability ``keep``.

    In a doubled batch the mask is that of one half, then that of the other; ``half`` (0 or 1) asks for one
    alone, which is the next of that half.
    """
    halves = range(len(_Pass.seeds)) if half is None else [half]
    kept = np.empty((len(halves), math.prod(shape) // len(halves)), bool)
    for row, number in zip(kept, halves, strict=True):
        _Pass.masks[number] += 1
        _draw(row, keep, _Pass.seeds[number], _Pass.masks[number])
    return torch.from_numpy(kept.view(np.uint8)).view(shape)


def kept(like: torch.Tensor, keep: float, rng: torch.Generator) -> torch.Tensor:
    """A mask of the shape, type and device of ``like`` from ``rng``: 1 with probability ``keep``, else 0."""
    if like.device.type != "cpu" or like.numel() < FEW:
        return torch.empty_like(like).bernoulli_(keep, generator=rng)
    drawn = np.empty(like.numel(), bool)
    _draw(drawn, keep, int(torch.randint(1 << 62, (), generator=rng)))
    return torch.from_numpy(drawn.view(np.uint8)).to(like.dtype).view(like.shape)


def _draw(into: np.ndarray, keep: float, *seed: int) -> None:
    """Fill ``into`` (n,) with True with probability ``keep``."""
    threshold = round(keep * CHANCES) - CHANCES // 2
    if threshold == CHANCES // 2:
        into.fill(True)
        return
    bits = np.random.SFC64(seed).random_raw(-(-into.size // 4)).view(np.int16)[: into.size]
    np.less(bits, np.int16(threshold), out=into)


class _Masked(torch.autograd.Function):
    """x * mask * scale; keeps only the mask, of one byte per entry."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, kept: torch.Tensor, scale: float) -> torch.Tensor:
        ctx.save_for_backward(kept)
        ctx.scale = scale
        return x * kept.to(x.dtype).mul_(scale)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (kept,) = ctx.saved_tensors
        return gradient * kept.to(gradient.dtype).mul_(ctx.scale), None, None


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` with the masks of this module on a CPU, and PyTorch's own on any other device."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu" or self.p == 1:
            return functional.dropout(x, self.p, training=True)
        return _Masked.apply(x, mask(tuple(x.shape), 1 - self.p), 1 / (1 - self.p))


def drawn_by_halves(model: nn.Module, device: torch.device) -> bool:
    """Whether the halves of a doubled batch have the dropout that they would have alone."""
    return device.type == "cpu" or not any(isinstance(m, nn.Dropout) and m.p > 0 for m in model.modules())


def install(model: nn.Module) -> None:
    """Put `Dropout` in the place of every `torch.nn.Dropout` of ``model``."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))
