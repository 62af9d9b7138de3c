"""Normal noise on a share of all weights: z * N(0, 1) with z ~ Bernoulli(p), as in Eq. 5 of PATS.

A GPU draws a number for every weight and multiplies it by z: a recorded update needs tensors of one size. A
CPU draws the weights with z = 1 first, and numbers for them alone: with p = 0.2 a fifth of the draws, of the
sizes and of the sums.
"""

from __future__ import annotations

import numpy as np
import torch

from benchmark.methods.common.tensors import apart
from benchmark.models import masks
from benchmark.step.update import Tensors


class UnitNoise:
    """Noise for all weights of some tensors: ``unit`` has N(0, 1) where z is 1, else 0."""

    def __init__(self, unit: Tensors) -> None:
        self.unit = unit

    def at(self, tensors: Tensors) -> Tensors:
        """The entries of ``tensors`` for which ``unit`` has a number: here all."""
        return tensors

    def add(self, weights: Tensors, noise: Tensors) -> None:
        """Add ``noise``, of the shapes of ``unit``, to ``weights``."""
        torch._foreach_add_(weights, noise)


class ScatteredNoise(UnitNoise):
    """Noise for the weights with z = 1 alone.

    ``places`` has their places in each tensor, counted as if it were flat: int64 (n,). ``unit`` has N(0, 1)
    for each of them.
    """

    def __init__(self, unit: Tensors, places: Tensors) -> None:
        super().__init__(unit)
        self.places = places

    def at(self, tensors: Tensors) -> Tensors:
        return [tensor.take(place) for tensor, place in zip(tensors, self.places, strict=True)]

    def add(self, weights: Tensors, noise: Tensors) -> None:
        for weight, place, entries in zip(weights, self.places, noise, strict=True):
            weight.put_(place, entries, accumulate=True)


def draw(weights: Tensors, probability: float, rng: torch.Generator) -> UnitNoise:
    """Draw N(0, 1) for ``weights``, each with ``probability``, on their device."""
    counts = np.array([weight.numel() for weight in weights])
    if weights[0].device.type != "cpu":
        every = weights[0].new_empty(int(counts.sum())).normal_(generator=rng)
        return UnitNoise(apart(every.mul_(masks.kept(every, probability, rng)), weights))
    chosen = masks.chosen(int(counts.sum()), probability, rng)
    ends = counts.cumsum()
    parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    places = [torch.from_numpy(part - start) for part, start in zip(parts, ends - counts, strict=True)]
    drawn = weights[0].new_empty(len(chosen)).normal_(generator=rng)
    return ScatteredNoise(apart(drawn, places), places)
