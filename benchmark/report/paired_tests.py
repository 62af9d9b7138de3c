"""One comparison of two arms, and the test that its quantity asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmark.report.numbers import conjunctions, spread, swaps
from benchmark.report.numbers.statistics import MANY, difference, paired, seeds_to_find

BySeed = dict[int, float]


@dataclass(frozen=True)
class Comparison:
    """One pair of arms on one column; ``toward`` > 0 is a difference as claimed.

    ``p`` is two-sided and uncorrected, NaN if nothing can be tested. ``n`` is the number of pairs of seeds,
    and ``needed(level)`` the number that would be enough. They are of the runs that finished. ``all_toward``
    and ``all_p`` are of all planned seeds, with failures at the floor; NaN where there is no floor. ``lost``
    counts the runs of both sides that have no score, and ``waiting`` those that were not run yet.

    ``std`` is of the paired differences; NaN for other quantities than means. ``examples`` has the standard error
    of the difference over examples and its degrees of freedom, NaN without predictions; None if it is not of mean
    scores. ``printed`` is the paper's difference, as claimed. ``tried`` counts the settings that each side was
    searched over, and ``paper_tried`` the paper's, if it says so; ``favours`` is above 0 if the search helps the
    claim, and below 0 if it helps the contrary. ``runs`` are the ids behind both sides.
    """

    column: str
    ours: str
    others: str
    toward: float
    n: int
    p: float
    needed: Callable[[float], int]
    all_toward: float = np.nan
    all_p: float = np.nan
    lost: tuple[int, int] = (0, 0)
    waiting: int = 0
    std: float = np.nan
    examples: tuple[float, float] | None = None
    printed: float = np.nan
    tried: tuple[int, int] = (1, 1)
    paper_tried: tuple[int, int] | None = None
    favours: int = 0
    runs: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())

    @property
    def one_sided(self) -> float:
        """One-sided p-value as claimed, by the runs that finished and by all planned seeds.

        The larger of both. Without a floor, a side that lost more runs than the other shows nothing.
        """
        p = conjunctions.one_sided(self.toward, self.p)
        if not any(self.lost):
            return p
        if np.isnan(self.all_p):
            return np.nan if self.lost[0] > self.lost[1] else p
        return float(np.maximum(p, conjunctions.one_sided(self.all_toward, self.all_p)))


def tested(
    of: str, column: str, names: tuple[str, str], scores: tuple[BySeed, BySeed], sign: float
) -> Comparison:
    """Test two arms, given by their ``names``, on the ``scores`` of the runs that finished.

    ``sign`` is -1 for a claim that less is better.
    """
    mine, theirs = paired(*scores)
    n = len(mine)
    if of == "std":
        ratio, p = spread.spread_test(mine, theirs)
        return Comparison(
            column, *names, sign * ratio, n, p, lambda level: spread.seeds_to_find(ratio, level)
        )
    if of == "max":
        apart, p = swaps.maximum_test(mine, theirs)
        return Comparison(column, *names, sign * apart, n, p, swaps.fewest_seeds)
    gain = difference(mine, theirs)

    def needed(level: float) -> int:
        if gain.varies:
            return seeds_to_find(gain.effect_size, level)
        return swaps.fewest_seeds(level) if gain.p < 1 else MANY

    std = gain.std if gain.varies else 0.0
    return Comparison(column, *names, sign * gain.mean, n, gain.p, needed, std=std)


def with_planned(comparison: Comparison, of: str, scores: tuple[BySeed, BySeed], sign: float) -> Comparison:
    """Add the test on all planned seeds to ``comparison``; ``scores`` have failures at the floor.

    Means are tested by signed ranks: how far below the others the floor lies must not count.
    """
    mine, theirs = paired(*scores)
    apart, p = swaps.maximum_test(mine, theirs) if of == "max" else swaps.ranked_signs(mine - theirs)
    return replace(comparison, all_toward=sign * apart, all_p=p)
