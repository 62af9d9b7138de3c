"""Divergences between two sets of outputs of one batch, one value per item.

Used by the methods that ask a model to agree with itself: R-Drop, R3F, SMART. An item is an example of a
classification or regression, or a labelled word of a tagging. An extractive answer has two items: the
distributions of its start and of its end over the real tokens of a window. Logits are (items, classes).
Everything is computed in float32 at least. The caller averages over items.
"""

from __future__ import annotations

import torch


def at_least_float32(values: torch.Tensor) -> torch.Tensor:
    """``values`` in float32; float64 values stay as they are."""
    return values if values.dtype == torch.float64 else values.float()


def kl(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """KL(first || second) = sum_c p_c (log p_c - log q_c), from logits."""
    log_p, log_q = at_least_float32(first).log_softmax(-1), at_least_float32(second).log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def symmetric_kl(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """KL(first || second) + KL(second || first), not halved.

    Written as sum_c (p_c - q_c)(log p_c - log q_c): no term is negative, so nothing cancels in
    float32 if the two passes differ by only 1e-5, as in R3F and SMART.
    """
    log_p, log_q = at_least_float32(first).log_softmax(-1), at_least_float32(second).log_softmax(-1)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1)


def detached_symmetric_kl(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """``symmetric_kl`` in value; each direction learns through its second argument alone (mt-dnn)."""
    return kl(second.detach(), first) + kl(first.detach(), second)


def stable_kl(first: torch.Tensor, second: torch.Tensor, epsilon: float = 1e-6) -> torch.Tensor:
    """mt-dnn's surrogate of KL(first || second): 2 sum_c p_c (log-odds p_c - log-odds q_c).

    The log-odds are detached: only the weights p_c learn.
    """
    p, q = at_least_float32(first).softmax(-1), at_least_float32(second).softmax(-1)
    odds_p, odds_q = (-(1 / (x.detach() + epsilon) - 1 + epsilon).log() for x in (p, q))
    return 2 * (p * (odds_p - odds_q)).sum(-1)


def squared_error(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """(first - second)^2, averaged over outputs (a regression has one)."""
    return (at_least_float32(first) - at_least_float32(second)).square().mean(-1)


def disagreement(first: torch.Tensor, second: torch.Tensor, regression: bool) -> torch.Tensor:
    """The papers' symmetric measure: both KLs for classes, the squared error for a regression."""
    return squared_error(first, second) if regression else symmetric_kl(first, second)
