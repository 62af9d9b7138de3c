"""Claims on several cells: all of them, most of them, at least so many.

A cell's *one-sided* p-value is of the claimed direction, and tested at ``ONE_SIDED``: half of what a
two-sided test is allowed. A cell that could not be tested has NaN, and counts as a cell that shows nothing.

- All m cells: each may use the full level, since all have to be significant (intersection-union; Berger 1982).
- At least u of m cells: partial conjunction (Benjamini and Heller 2008), (m - u + 1) times the u-th smallest p.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.report.numbers.statistics import LEVEL

ONE_SIDED = LEVEL / 2


def one_sided(toward: float, p: float) -> float:
    """One-sided p-value of the claimed direction from a two-sided ``p``; ``toward`` > 0 is as claimed."""
    if np.isnan(p) or np.isnan(toward):
        return np.nan
    return p / 2 if toward > 0 else 1 - p / 2


def at_least(p_values: Sequence[float], cells: int) -> float:
    """P-value that at least ``cells`` of m are as claimed.

    ``p_values`` (m,) are one-sided.

    If more cells are as claimed, so are fewer: the p-value is the smallest over this number and all larger
    ones.
    """
    known = np.nan_to_num(np.array(p_values, float), nan=1.0)
    if not 1 <= cells <= len(known):
        return np.nan
    return float(min(1.0, _partial(known)[cells - 1 :].min()))


def helped(p_values: Sequence[float], level: float = ONE_SIDED) -> int:
    """Number of cells that are surely as claimed: the largest u with (m - u + 1) p_(u) <= ``level``.

    The bound holds with a probability of 1 - ``level`` for cells that are independent or vary together.
    """
    enough = _partial(np.nan_to_num(np.array(p_values, float), nan=1.0)) <= level
    return int(np.flatnonzero(enough).max(initial=-1)) + 1


def most(cells: int) -> int:
    """The smallest number of cells that is a majority."""
    return cells // 2 + 1


def _partial(p_values: np.ndarray) -> np.ndarray:
    """(m - u + 1) p_(u) for every u from 1 to m."""
    return np.arange(len(p_values), 0, -1) * np.sort(p_values)
