"""One comparison of two arms, with the test that fits its quantity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmark.config.units import QUANTILE, of_arms
from benchmark.report.arms import BySeed
from benchmark.report.numbers import conjunctions, maxima, quantiles, spread, swaps
from benchmark.report.numbers.noncentral import seeds_for
from benchmark.report.numbers.statistics import LEVEL, MANY, Estimate, paired, settled
from benchmark.report.sums import Sum

# For this test, `Comparison.needed` is only a lower bound: the fewest seeds that can decide
OF_SIDES = "swaps of sides"


@dataclass(frozen=True)
class Comparison:
    """One pair of arms on one column; ``toward`` > 0 is a difference as claimed.

    ``p`` is two-sided and uncorrected, NaN if nothing can be tested. ``n`` is the number of pairs of seeds,
    and ``needed(level)`` the number that would be enough. They are of the runs that finished. ``all_toward``
    and ``all_p`` are of all planned seeds, with failures at the floor; NaN where there is no floor. ``lost``
    counts the runs of both sides that have no score, ``waiting`` those that were not run yet, of all settings
    that are searched over, and ``collapsed`` those that collapsed.

    ``effect`` is the estimate in ``unit``, with its 95 % interval; ``note`` says what else a reader needs, and
    ``rests_on`` names the position of an axis that decides a contrast alone.
    ``pairs`` are the pairs of runs behind a mean, and those planned. If the one-sided p-value as claimed is
    not half of ``p``, it is ``claimed_p``, on the scale of such a half; ``claimed_all_p`` is the same for all
    planned seeds, and ``contrary_all_p`` is one-sided against the claim.

    ``error`` is the standard error over seeds, with ``freedom`` degrees of freedom; ``spread`` is the deviation of the
    paired differences, at the upper end of its interval. NaN for other quantities than means.
    ``examples`` has the standard error of the difference over examples and its degrees of freedom, NaN without
    predictions; None if it is not of mean scores. ``printed`` is the paper's difference, as claimed. ``tried`` counts
    the settings with runs that each side was searched over, and ``paper_tried`` the paper's, if it says so;
    ``favours`` is above 0 if the search helps the claim, and below 0 if it helps the contrary. ``runs`` are the ids
    behind both sides.
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
    collapsed: int = 0
    effect: float = np.nan
    low: float = np.nan
    high: float = np.nan
    unit: str = ""
    note: str = ""
    rests_on: str = ""
    pairs: tuple[int, int] = (0, 0)
    test: str = ""
    claimed_p: float | None = None
    claimed_all_p: float = np.nan
    contrary_all_p: float = np.nan
    error: float = np.nan
    spread: float = np.nan
    freedom: float = np.nan
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
        p, planned = self.claimed_p, self.claimed_all_p
        if p is None:
            p = conjunctions.one_sided(self.toward, self.p)
        if np.isnan(planned):
            planned = conjunctions.one_sided(self.all_toward, self.all_p)
        if not any(self.lost):
            return p
        if np.isnan(planned):
            return np.nan if self.lost[0] > self.lost[1] else p
        return float(np.maximum(p, planned))

    @property
    def holds_the_other_way(self) -> bool:
        """True if all planned seeds bear out a difference against the claim.

        Without a floor, this holds if the other side lost more runs.
        """
        if not any(self.lost):
            return True
        if not np.isnan(self.contrary_all_p):
            return self.contrary_all_p <= LEVEL / 2
        if not np.isnan(self.all_p):
            return self.all_toward < 0 and self.all_p <= LEVEL
        return self.lost[1] <= self.lost[0]


def of_sum(apart: Sum, column: str, names: tuple[str, str], sign: float) -> Comparison:
    """Test that a weighted sum of means is not 0; ``sign`` is -1 for a claim that less is better."""
    mean = apart.estimate

    def needed(level: float) -> int:
        if mean.varies:
            return seeds_for(abs(mean.mean) / mean.largest_std, level)
        return swaps.fewest_seeds(level) if mean.p < 1 else MANY

    return Comparison(
        column,
        *names,
        sign * mean.mean,
        mean.n,
        mean.p,
        needed,
        effect=mean.mean,
        low=float(mean.low),
        high=float(mean.high),
        pairs=apart.pairs,
        note=apart.note,
        test=test_of(mean),
        error=mean.error if mean.varies else 0.0,
        spread=mean.largest_std if mean.varies else 0.0,
        freedom=mean.freedom,
    )


def test_of(mean: Estimate) -> str:
    """The name of the test of a mean."""
    if mean.exact:
        return "none: compared as numbers"
    return "t" if mean.varies else "signs"


def tested(
    of: str, column: str, names: tuple[str, str], scores: tuple[BySeed, BySeed], sign: float
) -> Comparison:
    """Compare two arms by a quantity of all their finished runs; ``names`` are those of the arms.

    ``sign`` is -1 for a claim that less is better.
    """
    mine, theirs = paired(*scores)
    effect, p, test = _arms_test(of, mine, theirs)

    def needed(level: float) -> int:
        return spread.seeds_to_find(effect, level) if of == "std" else swaps.fewest_seeds(level)

    return Comparison(column, *names, sign * effect, len(mine), p, needed, effect=effect, test=test)


def with_planned(comparison: Comparison, of: str, scores: tuple[BySeed, BySeed], sign: float) -> Comparison:
    """Add the test on all planned seeds to ``comparison``; ``scores`` have failures at the floor.

    Means are tested by signed ranks, so that the distance of the floor from other scores does not count.
    """
    mine, theirs = paired(*scores)
    apart, p = _arms_test(of, mine, theirs)[:2] if of_arms(of) else swaps.ranked_signs(mine - theirs)
    return replace(comparison, all_toward=sign * apart, all_p=p)


def _arms_test(of: str, mine: np.ndarray, theirs: np.ndarray) -> tuple[float, float, str]:
    """A difference of arms as a whole, its two-sided p-value, the test."""
    if of == "std":
        return (*spread.spread_test(mine, theirs), "swaps of deviations")
    if of == "max":
        apart, p = maxima.maximum_test(mine, theirs)
    else:
        level = 0.5 if of == "median" else float(of.removeprefix(QUANTILE))
        apart, p = quantiles.quantile_test(mine, theirs, level)
    return settled(apart, float(np.abs([mine, theirs]).max(initial=0.0))), p, OF_SIDES
