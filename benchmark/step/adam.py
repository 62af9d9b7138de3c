"""The variants of Adam that the papers use, and the table of all optimisers.

The papers and their baselines use optimisers that share a name and differ in the places of epsilon, bias
correction and weight decay. Mixing them up is the commonest silent error of a reproduction. A variant of Adam is
three choices: the direction made of a pair of moments, the length of the step along it, and the time at which
weights decay.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from benchmark.step.adafactor import ADAFACTOR
from benchmark.step.lion import LION
from benchmark.step.update import Number, Tensors
from benchmark.step.variant import Betas, Part, Variant

Second = Callable[[Tensors, Tensors, float, float], None]
Denominator = Callable[[Tensors, float, Number], Tensors]


def adam(second: Second, denominator: Denominator) -> Callable[[Part], None]:
    """The direction of first moments over a ``denominator``.

    ``second`` updates the second moments in place. ``denominator`` makes the divisor of the first moments
    from the second ones, epsilon, and the root of the second moments' bias correction.
    """

    def direct(part: Part) -> None:
        torch._foreach_mul_(part.first, part.betas[0])
        torch._foreach_add_(part.first, part.gradients, alpha=1 - part.betas[0])
        second(part.second, part.gradients, part.betas[1], part.epsilon)
        divisors = denominator(part.second, part.epsilon, part.correction)
        torch._foreach_copy_(part.directions, part.first)
        torch._foreach_div_(part.directions, divisors)

    return direct


def _squared(second: Tensors, gradients: Tensors, beta: float, epsilon: float) -> None:
    torch._foreach_mul_(second, beta)
    torch._foreach_addcmul_(second, gradients, gradients, value=1 - beta)


def _largest(second: Tensors, gradients: Tensors, beta: float, epsilon: float) -> None:
    """Adamax: u <- max(beta * u, |g| + epsilon)."""
    torch._foreach_mul_(second, beta)
    magnitudes = torch._foreach_abs(gradients)
    torch._foreach_add_(magnitudes, epsilon)
    torch._foreach_maximum_(second, magnitudes)


def _root_plus_epsilon(second: Tensors, epsilon: float, correction: Number) -> Tensors:
    roots = torch._foreach_sqrt(second)
    torch._foreach_add_(roots, epsilon)
    return list(roots)


def _corrected_root_plus_epsilon(second: Tensors, epsilon: float, correction: Number) -> Tensors:
    """PyTorch's form: epsilon is added to the corrected root, so it is not scaled."""
    roots = torch._foreach_sqrt(second)
    torch._foreach_div_(roots, correction)
    torch._foreach_add_(roots, epsilon)
    return list(roots)


def _plus_epsilon(second: Tensors, epsilon: float, correction: Number) -> Tensors:
    return list(torch._foreach_add(second, epsilon))


def _as_it_is(second: Tensors, epsilon: float, correction: Number) -> Tensors:
    return second


def _uncorrected(rate: float, betas: Betas, t: int) -> float:
    return rate


def _first_corrected(rate: float, betas: Betas, t: int) -> float:
    return rate / (1 - betas[0] ** t)


def _both_corrected(rate: float, betas: Betas, t: int) -> float:
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
    "adamw": Variant(adam(_squared, _root_plus_epsilon), _both_corrected, "after", _fused_root_plus_epsilon),
    # The same without bias correction, as named by LNSR.
    "adamw_no_bias": Variant(adam(_squared, _root_plus_epsilon), _uncorrected, "after", _fused_uncorrected),
    # Google's BERT code: no correction, decay of the old weights inside the update.
    "bertadam": Variant(adam(_squared, _root_plus_epsilon), _uncorrected, "inside", _fused_uncorrected),
    # torch.optim.AdamW: Zhang et al.
    "adamw_torch": Variant(
        adam(_squared, _corrected_root_plus_epsilon),
        _first_corrected,
        "before",
        _fused_corrected_root_plus_epsilon,
        corrects_root=True,
    ),
    # Adamax with bias correction and epsilon once: PATS (Algorithm 1), mt-dnn today, torch.optim.Adamax.
    "adamax": Variant(adam(_largest, _as_it_is), _first_corrected, "before"),
    # mt-dnn as SAGE carries it: no correction, epsilon twice, decay inside the update.
    "adamax_mtdnn": Variant(adam(_largest, _plus_epsilon), _uncorrected, "inside"),
    "lion": LION,
    "adafactor": ADAFACTOR,
}
