"""Draws beside the distribution that a method's paper names: support, mean, shape, and one draw per entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import stats

#: How improbable a draw may be. Seeds are fixed, so that a test either always passes or never.
IMPROBABLE = 1e-4


def check_distribution(draw: torch.Tensor, distribution: Any) -> None:
    """The entries of ``draw`` follow ``distribution`` (a frozen one of scipy) and differ from each other."""
    values = draw.detach().double().numpy()
    assert values.size >= 10_000
    assert stats.kstest(values.ravel(), distribution.cdf).pvalue > IMPROBABLE
    low, high = distribution.support()
    assert low <= values.min()
    assert values.max() <= high
    check_independence(values)


def check_fresh(draw: Callable[[], torch.Tensor], distribution: Any) -> None:
    """What ``draw`` returns, one after the other, follows ``distribution``, and none goes with the one before."""
    check_distribution(torch.stack([draw() for _ in range(4)]), distribution)


def check_bernoulli(mask: torch.Tensor, probability: float, shape: tuple[int, ...] | None = None) -> None:
    """``mask`` holds 1 with ``probability`` and else 0, entry by entry, in as many entries as ``shape`` says."""
    values = mask.detach().double().numpy()
    assert values.shape == (shape or values.shape)
    assert set(np.unique(values)) == {0.0, 1.0}
    assert stats.binomtest(int(values.sum()), values.size, probability).pvalue > IMPROBABLE
    check_independence(values)


def check_independence(values: np.ndarray) -> None:
    """Neither neighbours nor whole rows or columns of ``values`` go together."""
    values = values.squeeze()
    for axis in range(values.ndim):
        lines = np.moveaxis(values, axis, 0)
        centred = lines - values.mean()
        together = (centred[1:] * centred[:-1]).mean() / values.var()
        assert abs(together) < 5 / np.sqrt(centred[1:].size), f"neighbours along axis {axis} go together"
        if values.ndim > 1:
            means = lines.reshape(len(lines), -1).mean(1)
            spread = means.var() * len(lines) * (values.size / len(lines)) / values.var()
            # A sum of squares of as many independent means; only too large a one says that entries go together.
            assert stats.chi2(len(lines) - 1).sf(spread) > IMPROBABLE, f"lines along axis {axis} go together"
