"""One optimiser, as a set of choices; the rest of a step is common to all optimisers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.step.update import Number, Tensors

Betas = tuple[float, float]


@dataclass
class Part:
    """Tensors, or corresponding pieces of them, for which a direction is computed.

    ``first`` and ``second`` are their moments, ``correction`` the variant's number for this update. Only a
    variant that needs whole tensors has ``weights``.
    """

    first: Tensors
    second: Tensors
    gradients: Tensors
    directions: Tensors
    betas: Betas
    epsilon: float
    correction: Number
    weights: Tensors


def like_the_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Two moments of the shape of ``weight``."""
    return torch.zeros_like(weight), torch.zeros_like(weight)


def root_correction(betas: Betas, t: int) -> float:
    """The root of the bias correction of the second moments, at step ``t``."""
    return float((1 - betas[1] ** t) ** 0.5)


@dataclass(frozen=True)
class Variant:
    """One optimiser.

    ``direct`` updates the moments of a part and writes its directions, in place. ``step_size`` maps (rate, betas,
    t) to the length of step t = 1, 2, … ``decay``: weights shrink ``before`` the step, ``after`` it, or ``inside`` the
    direction. ``fused`` maps (betas, epsilon, t) to the epsilon and t with which PyTorch's fused AdamW takes
    the same step along the same direction; None if it cannot. It corrects the root of the second moments if it
    ``corrects_root``. ``moments`` makes those of a weight, and ``correction`` maps (betas, t) to a number that ``direct``
    reads. ``whole``: it needs whole tensors, as an entry's direction depends on others.
    """

    direct: Callable[[Part], None]
    step_size: Callable[[float, Betas, int], float]
    decay: str
    fused: Callable[[Betas, float, int], tuple[float, float]] | None = None
    corrects_root: bool = False
    moments: Callable[[Tensor], tuple[Tensor, Tensor]] = like_the_weight
    correction: Callable[[Betas, int], float] = root_correction
    whole: bool = False

    @property
    def fusable(self) -> bool:
        """True if PyTorch's fused AdamW can take its step."""
        return self.fused is not None
