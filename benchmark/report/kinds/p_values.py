"""Claims that print a p-value: is the difference as sure as the paper says?

A p-value depends not only on the effect: with more seeds it falls for any gain, and a repetition of the same
experiment gives a smaller p-value half of the time. So a printed p-value is turned into the effect that gives
it at the paper's number of seeds, in standard deviations of a paired difference. The claim is reproduced if
our effect is surely at least as large, contradicted if it is surely smaller (noncentral t), and undecided
between: a repetition with the paper's seeds might then print a smaller or a larger p-value. If a paper does
not name its test, a paired two-sided test is assumed, like ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from benchmark.report.comparisons import Compared
from benchmark.report.kinds.axis_groups import with_failures
from benchmark.report.numbers.statistics import MANY, POWER, Estimate, estimate
from benchmark.report.paired_tests import Comparison, test_of
from benchmark.report.sums import Term


def p_value(compared: Compared, claim: dict[str, Any]) -> list[Comparison]:
    """One comparison per pair of arms and column with a printed p-value."""
    stated = claim["p_value"]
    return [
        _compared(
            compared, claim, (column, ours.name, others.name), [(1.0, ours, mine), (-1.0, others, theirs)]
        )
        for ours, others in compared.pairs(claim, "runs")
        for column, mine, theirs in compared.places(claim)
        if column in stated["printed"]
    ]


def effect_of(p: float, n: int) -> float:
    """The effect, in standard deviations, of a paired two-sided ``p`` with ``n`` seeds."""
    return float(stats.t.isf(p / 2, n - 1) / np.sqrt(n))


def p_of(effect: float, n: int) -> float:
    """The two-sided p-value of a paired test in which ``n`` seeds show an ``effect``."""
    if np.isinf(effect):  # all differences are equal: the test of signs
        return 2.0 ** (1 - n)
    return float(2 * stats.t.sf(abs(effect) * np.sqrt(n), n - 1))


def as_large(difference: Estimate, effect: float) -> tuple[float, float]:
    """One-sided p-values that the true effect is above ``effect``, and below.

    NaN below two seeds.

    Differences that are all the same have no standard deviation: their signs are counted.
    """
    if not difference.varies:
        return difference.above(0.0), difference.below(0.0)
    shift = effect * difference.std / difference.error
    above = float(stats.nct.sf(difference.mean / difference.error, difference.freedom, shift))
    return above, 1 - above


def _compared(
    compared: Compared, claim: dict[str, Any], names: tuple[str, str, str], terms: list[Term]
) -> Comparison:
    stated = claim["p_value"]
    printed, n = stated["printed"][names[0]], stated["seeds"]
    wanted = effect_of(printed, n)
    apart = compared.summed(claim, terms)
    difference = apart.estimate
    above, below = as_large(difference, wanted)
    alike = np.copysign(np.inf, difference.mean) if difference.mean else 0.0
    seen = difference.effect_size if difference.varies else float(alike)
    comparison = Comparison(
        *names,
        float(seen - wanted) if difference.n > 1 else np.nan,
        difference.n,
        float(np.minimum(1, 2 * np.minimum(above, below))),
        lambda level: _needed(difference, wanted, level),
        effect=np.nan if difference.n < 2 else p_of(seen, n) if difference.mean else 1.0,
        claimed_p=above,
        note=f"p = {difference.p:.2g} by these {difference.n} seeds, and {printed:.2g} is printed",
        pairs=apart.pairs,
        test=test_of(difference),
    )
    return with_failures(compared, claim, comparison, terms, lambda every: as_large(estimate(every), wanted))


def _needed(difference: Estimate, wanted: float, level: float) -> int:
    """The approximate number of seeds that show the observed effect to be above or below the wanted one.

    Of the spread that was seen and the upper end of its interval, the one whose effect is nearer to the wanted one
    counts. At most ``MANY``.
    """
    if not difference.varies:
        return MANY  # equal differences have no deviation to count in
    effects = np.array([difference.effect_size, difference.mean / difference.largest_std])
    seen = effects[np.argmin(np.abs(effects - wanted))]
    if np.ptp(np.sign(effects - wanted)) or seen == wanted:
        return MANY  # the spread decides on which side the effect is
    distance = stats.norm.isf(level / 2) + stats.norm.isf(1 - POWER)
    return int(min(np.ceil((1 + seen**2 / 2) * (distance / (seen - wanted)) ** 2) + 1, MANY))
