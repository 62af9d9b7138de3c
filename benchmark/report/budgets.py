"""Search budgets: the best of several settings is higher by chance alone.

An arm that tried more settings than its rival counts as better only if it is better by the leak-free rule,
where one half of the evaluation set chooses the setting and the other half scores it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmark.report.lost import Weighted
from benchmark.report.paired_tests import Comparison


def counted(comparison: Comparison, weighted: Weighted, of: str) -> Comparison:
    """``comparison`` with the largest number of settings tried on each side.

    Runs of positive weight are on the claimed side. Only scores are raised by a search; no other quantity is
    chosen by it.
    """
    ours, others = (
        max(
            (int(np.max(runs["tried"], initial=1)) for weight, runs in weighted if weight * sign > 0),
            default=1,
        )
        for sign in (1, -1)
    )
    favours = int(np.sign(ours - others)) if of == "score" else 0
    return replace(comparison, tried=(ours, others), favours=favours)


def favoured(comparisons: Sequence[Comparison], toward: int) -> bool:
    """True if more tries help the claim (``toward`` 1) or its contrary (-1)."""
    return any(comparison.favours * toward > 0 for comparison in comparisons)


def in_words(comparisons: Sequence[Comparison]) -> str:
    """The unequal numbers of settings that the two sides tried, here and in the paper; '' if they are equal."""
    unequal = [c for c in comparisons if len(set(c.tried)) > 1 or len(set(c.paper_tried or ())) > 1]
    if not unequal:
        return ""
    most = max(unequal, key=lambda c: (_ratio(c.tried), _ratio(c.paper_tried or (1, 1))))
    printed = f" (the paper: {most.paper_tried[0]} against {most.paper_tried[1]})" if most.paper_tried else ""
    return f"; settings tried: {most.tried[0]} against {most.tried[1]}{printed}"


def _ratio(tried: tuple[int, int]) -> float:
    return max(tried) / max(min(tried), 1)
