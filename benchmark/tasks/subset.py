"""The part of a training set that a run learns from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmark.config.schema import DataConfig
from benchmark.errors import BenchmarkError
from benchmark.randomness import stream


def draw_subset(targets: Any, data: DataConfig, seed: int, stratified: bool) -> np.ndarray:
    """Draw the training examples of a run from the subset stream, as sorted indices.

    Classes keep their shares if ``stratified``.

    Raises: BenchmarkError for more examples than there are.
    """
    total = len(targets)
    count = data.count if data.count is not None else total
    if data.share is not None:
        count = max(1, round(data.share * total))
    if count > total:
        raise BenchmarkError(f"data.count={count}: the training set has only {total} examples")
    if count == total:
        return np.arange(total)
    subset_seed = seed if data.subset_seed is None else data.subset_seed
    order = torch.randperm(total, generator=stream(subset_seed, "subset")).numpy()
    if not stratified:
        return np.sort(order[:count])
    # The k-th example of a class of size m gets the position (k + 1/2) / m, so a cut takes equal shares of
    # all classes.
    rank = np.empty(total)
    labels = targets.numpy()[order]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(order[np.argsort(rank, kind="stable")[:count]])


def check_count(data: DataConfig, total: int) -> None:
    """Raises: BenchmarkError for more examples than the ``total`` of the training set, or a share below one."""
    if data.count is not None and data.count > total:
        raise BenchmarkError(f"data.count={data.count}: the training set has only {total} examples")
    if data.share is not None and round(data.share * total) < 1:
        raise BenchmarkError(f"data.share={data.share}: of {total} training examples it leaves none")
