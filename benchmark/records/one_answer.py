"""Evaluation sets on which one answer to every example shows a collapse."""

from __future__ import annotations

import numpy as np

OTHERS = 5  # a model that finds every second one gives one answer to all with a chance of 1/32


def shows_collapse(targets: np.ndarray) -> bool:
    """True if enough ``targets`` (examples,) differ from the most frequent one.

    On a set of one class a good model has one answer as well, and on very few examples by chance. Targets
    that are hidden (-1 or NaN) show nothing.
    """
    known = targets[np.isfinite(targets) if targets.dtype.kind == "f" else targets >= 0]
    _, counts = np.unique(known, return_counts=True)
    return bool(len(known) - counts.max(initial=0) >= OTHERS)
