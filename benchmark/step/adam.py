"""The variants of Adam that the papers use.

The papers and their baselines use optimisers that share a name and differ in the places of epsilon, bias
correction and weight decay. Mixing them up is the commonest silent error of a reproduction. A variant here is
three choices: the direction made of a pair of moments, the length of the step along it, and the time at which
weights decay.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Variant:
    """One member of the Adam family.

    ``second`` updates the second moments in place. ``denominator`` makes the divisor of the first moments
    from the second ones, epsilon, and the root of the second moments' bias correction; it uses that root if
    it ``corrects_root``. ``step_size`` maps (rate, betas, t) to the length of step t = 1, 2, … ``decay``:
    weights shrink ``before`` the step, ``after`` it, or ``inside`` the direction. ``fused`` maps (betas,
    epsilon, t) to the epsilon and t with which PyTorch's fused AdamW takes the same step along the same
    direction; None if it cannot.
    """

    second: Callable[[list[Tensor], list[Tensor], float, float], None]
    denominator: Callable[[list[Tensor], float, float | Tensor], list[Tensor]]
    step_size: Callable[[float, tuple[float, float], int], float]
    decay: str
    fused: Callable[[tuple[float, float], float, int], tuple[float, float]] | None = None
    corrects_root: bool = False

    @property
    def fusable(self) -> bool:
        """True if PyTorch's fused AdamW can take its step."""
        return self.fused is not None


def _squared(second: list[Tensor], gradients: list[Tensor], beta: float, epsilon: float) -> None:
    torch._foreach_mul_(second, beta)
    torch._foreach_addcmul_(second, gradients, gradients, value=1 - beta)


def _largest(second: list[Tensor], gradients: list[Tensor], beta: float, epsilon: float) -> None:
    """Adamax: u <- max(beta * u, |g| + epsilon)."""
    torch._foreach_mul_(second, beta)
    magnitudes = torch._foreach_abs(gradients)
    torch._foreach_add_(magnitudes, epsilon)
    torch._foreach_maximum_(second, magnitudes)


def _root_plus_epsilon(second: list[Tensor], epsilon: float, correction: float | Tensor) -> list[Tensor]:
    roots = torch._foreach_sqrt(second)
    torch._foreach_add_(roots, epsilon)
    return list(roots)


def _corrected_root_plus_epsilon(
    second: list[Tensor], epsilon: float, correction: float | Tensor
) -> list[Tensor]:
    """PyTorch's form: epsilon is added to the corrected root, so it is not scaled."""
    roots = torch._foreach_sqrt(second)
    torch._foreach_div_(roots, correction)
    torch._foreach_add_(roots, epsilon)
    return list(roots)


def _plus_epsilon(second: list[Tensor], epsilon: float, correction: float | Tensor) -> list[Tensor]:
    return list(torch._foreach_add(second, epsilon))


def _as_it_is(second: list[Tensor], epsilon: float, correction: float | Tensor) -> list[Tensor]:
    return second


def _uncorrected(rate: float, betas: tuple[float, float], t: int) -> float:
    return rate


def _first_corrected(rate: float, betas: tuple[float, float], t: int) -> float:
    return rate / (1 - betas[0] ** t)


def _both_corrected(rate: float, betas: tuple[float, float], t: int) -> float:
    return rate * (1 - betas[1] ** t) ** 0.5 / (1 - betas[0] ** t)


def _fused_corrected_root_plus_epsilon(
    betas: tuple[float, float], epsilon: float, t: int
) -> tuple[float, float]:
    return epsilon, t


def _fused_root_plus_epsilon(betas: tuple[float, float], epsilon: float, t: int) -> tuple[float, float]:
    return epsilon / (1 - betas[1] ** t) ** 0.5, t


def _fused_uncorrected(betas: tuple[float, float], epsilon: float, t: int) -> tuple[float, float]:
    return epsilon, math.inf  # after so many steps both corrections are 1


VARIANTS = {
    # The AdamW of older transformers releases: HyPe, Child-Tuning, RecAdam's base, Mosbach et al.
    "adamw": Variant(_squared, _root_plus_epsilon, _both_corrected, "after", _fused_root_plus_epsilon),
    # The same without bias correction, as named by LNSR.
    "adamw_no_bias": Variant(_squared, _root_plus_epsilon, _uncorrected, "after", _fused_uncorrected),
    # Google's BERT code: no correction, decay of the old weights inside the update.
    "bertadam": Variant(_squared, _root_plus_epsilon, _uncorrected, "inside", _fused_uncorrected),
    # torch.optim.AdamW: Zhang et al.
    "adamw_torch": Variant(
        _squared,
        _corrected_root_plus_epsilon,
        _first_corrected,
        "before",
        _fused_corrected_root_plus_epsilon,
        corrects_root=True,
    ),
    # Adamax with bias correction and epsilon once: PATS (Algorithm 1), mt-dnn today, torch.optim.Adamax.
    "adamax": Variant(_largest, _as_it_is, _first_corrected, "before"),
    # mt-dnn as SAGE carries it: no correction, epsilon twice, decay inside the update.
    "adamax_mtdnn": Variant(_largest, _plus_epsilon, _uncorrected, "inside"),
}
