"""Numbers from a stored histogram of sensitivities.

It has ``edges`` (bins + 1,) and ``counts`` (bins + 2,): the first count is of values below the bins, the last of
values above them.
"""

from __future__ import annotations

import numpy as np


def share_below(edges: np.ndarray, counts: np.ndarray, bound: float) -> float:
    """The share of values below the edge that is nearest to ``bound``."""
    nearest = int(np.argmin(np.abs(np.log(edges) - np.log(bound))))
    return float(counts[: nearest + 1].sum() / max(counts.sum(), 1))


def share_of_top(edges: np.ndarray, counts: np.ndarray, share: float) -> float:
    """The share of the sum that the largest ``share`` of values has.

    Values outside the bins are at 0 and at the last edge.
    """
    values = np.concatenate([[0.0], np.sqrt(edges[:-1] * edges[1:]), edges[-1:]])[::-1]
    sizes = counts[::-1].astype(float)
    taken = np.clip(share * sizes.sum() - (np.cumsum(sizes) - sizes), 0, sizes)
    whole = float(sizes @ values)
    return float(taken @ values) / whole if whole else np.nan
