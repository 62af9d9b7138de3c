"""Random masks that are cheap to draw, and dropout that another pass can repeat.

PyTorch draws a dropout mask on a CPU at 6 ns per entry, a third of the time of a step. Here an entry costs 16
bits of a 64-bit draw, a tenth of that. Every mask of a pass has a generator of its own: its draws never
depend on the number of draws elsewhere. Two passes in one doubled batch draw the same masks as each would
draw alone.
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

FEW = 1 << 12  # for fewer entries, making a generator takes longer than the draw
CPU = torch.device("cpu")
CHANCES = 1 << 16  # a probability is rounded to a multiple of 1 / CHANCES


PassName = tuple[str | int, ...]  # the name from which a pass's seeds are derived
SeedOf = Callable[[PassName], int]  # the name of a pass -> the seed of a stream named by that pass


class _Pass:
    """The state of the current pass: its seed, its name, and the number of masks drawn.

    A doubled batch has a seed and a number for each half, and the name of its first half.
    """

    seeds: tuple[int, ...] = (0,)
    name: PassName = ()
    masks: ClassVar[list[int]] = [0]
    number = -1  # number of the pass in the update, under `noted`
    named: list[tuple[int, SeedOf]] | None = None
    captured: PassStreams | None = None


class PassStreams:
    """The random streams of a captured update on ``device``.

    There is one for the dropout of each pass. ``named`` are the streams named by a pass (`stream_of_pass`):
    the number of the pass, and the function from its name to their seed.
    """

    def __init__(self, device: torch.device, passes: int, named: Sequence[tuple[int, SeedOf]]) -> None:
        self.dropout = [randomness.generator(device) for _ in range(passes)]
        self.named = [(number, seed_of, randomness.generator(device)) for number, seed_of in named]
        self.rewind()

    def rewind(self) -> None:
        """Begin with the first pass again."""
        self.next_dropout, self.next_named = iter(self.dropout), iter(self.named)

    def seed(self, seeds: Sequence[int], names: Sequence[PassName]) -> None:
        """Begin every stream anew, from the seeds of the passes' dropout and the passes' ``names``."""
        for generator, seed in zip(self.dropout, seeds, strict=True):
            generator.manual_seed(seed)
        for number, seed_of, generator in self.named:
            generator.manual_seed(seed_of(names[number]))

    @property
    def generators(self) -> list[torch.Generator]:
        """All generators, of dropout and of named streams."""
        return [*self.dropout, *(generator for _, _, generator in self.named)]


def start_pass(*seeds: int, name: PassName = (), device: torch.device = CPU) -> None:
    """Seed the dropout of the next forward pass, which is called ``name``, on ``device``.

    With two ``seeds`` its batch is doubled, and each half draws from its own.
    """
    _Pass.number += 1
    if _Pass.captured is not None:
        draw_from(next(_Pass.captured.next_dropout))
        return
    # For draws outside this module: on a GPU, by a model's own functional dropout. `torch.manual_seed` alone
    # would format the stack for every kind of device that this process has not used, in every pass.
    if device.type == "cpu":
        torch.default_generator.manual_seed(seeds[0])
    else:
        torch.manual_seed(seeds[0])
    _Pass.seeds, _Pass.masks, _Pass.name = seeds, [0] * len(seeds), name


def stream_of_pass(seed_of: SeedOf, device: torch.device) -> torch.Generator:
    """Make a random stream on ``device`` for the current pass, named by it."""
    if _Pass.captured is not None:
        return next(_Pass.captured.next_named)[2]
    if _Pass.named is not None:
        _Pass.named.append((_Pass.number, seed_of))
    return randomness.generator(device).manual_seed(seed_of(_Pass.name))


def draw_from(generator: torch.Generator) -> torch.Generator:
    """Make the GPU of ``generator`` draw dropout from this generator.

    This also holds in a graph that is being captured. Returns the generator in use before.
    """
    index = generator.device.index  # None is the current one
    default = torch.cuda.default_generators[torch.cuda.current_device() if index is None else index]
    before = default.graphsafe_get_state()
    default.graphsafe_set_state(generator)
    return before


@contextmanager
def noted() -> Iterator[list[tuple[int, SeedOf]]]:
    """Collect the names of the streams that an update uses, while it is computed."""
    named: list[tuple[int, SeedOf]] = []
    _Pass.number, _Pass.named = -1, named
    try:
        yield named
    finally:
        _Pass.named = None


@contextmanager
def captured(streams: PassStreams) -> Iterator[None]:
    """Let the passes of an update draw from ``streams`` while it is captured."""
    before = draw_from(streams.dropout[0])
    _Pass.captured = streams
    streams.rewind()
    try:
        yield
    finally:
        _Pass.captured = None
        draw_from(before)


def mask(shape: tuple[int, ...], keep: float, half: int | None = None) -> torch.Tensor:
    """Draw the pass's next mask: uint8 of ``shape`` on the CPU, 1 with probability ``keep``.

    In a doubled batch the mask is that of one half, then that of the other. ``half`` (0 or 1) draws the next
    mask of one half alone.
    """
    halves = range(len(_Pass.seeds)) if half is None else [half]
    kept = np.empty((len(halves), math.prod(shape) // len(halves)), bool)
    for row, number in zip(kept, halves, strict=True):
        _Pass.masks[number] += 1
        _draw(row, keep, _Pass.seeds[number], _Pass.masks[number])
    return torch.from_numpy(kept.view(np.uint8)).view(shape)


def kept(like: torch.Tensor, keep: float, rng: torch.Generator) -> torch.Tensor:
    """Draw a mask of the shape, type and device of ``like`` from ``rng``.

    Entries are 1 with probability ``keep``, else 0.
    """
    if like.device.type != "cpu" or like.numel() < FEW:
        return torch.empty_like(like).bernoulli_(keep, generator=rng)
    drawn = _drawn(like.numel(), keep, rng)
    return torch.from_numpy(drawn.view(np.uint8)).to(like.dtype).view(like.shape)


def chosen(count: int, keep: float, rng: torch.Generator) -> np.ndarray:
    """Draw which of ``count`` entries are kept, each with probability ``keep``: int64 (n,), in order."""
    return np.flatnonzero(_drawn(count, keep, rng))


def _drawn(count: int, keep: float, rng: torch.Generator) -> np.ndarray:
    """Draw ``count`` bools, True with probability ``keep``, from a generator that ``rng`` seeds."""
    drawn = np.empty(count, bool)
    _draw(drawn, keep, int(torch.randint(1 << 62, (), generator=rng)))
    return drawn


def _draw(into: np.ndarray, keep: float, *seed: int) -> None:
    """Fill ``into`` (n,) with True with probability ``keep``."""
    threshold = round(keep * CHANCES) - CHANCES // 2
    if threshold == CHANCES // 2:
        into.fill(True)
        return
    bits = np.random.SFC64(seed).random_raw(-(-into.size // 4)).view(np.int16)[: into.size]
    np.less(bits, np.int16(threshold), out=into)


class _Masked(torch.autograd.Function):
    """x * mask * scale; it saves only the mask, of one byte per entry."""

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
    """`torch.nn.Dropout` with the masks of this module on a CPU.

    Other devices use PyTorch's own.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu" or self.p == 1:
            return functional.dropout(x, self.p, training=True)
        return _Masked.apply(x, mask(tuple(x.shape), 1 - self.p), 1 / (1 - self.p))


def drawn_by_halves(model: nn.Module, device: torch.device) -> bool:
    """True if each half of a doubled batch gets the dropout it would get alone."""
    return device.type == "cpu" or not any(isinstance(m, nn.Dropout) and m.p > 0 for m in model.modules())


def install(model: nn.Module) -> None:
    """Replace every `torch.nn.Dropout` of ``model`` by `Dropout`."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))
