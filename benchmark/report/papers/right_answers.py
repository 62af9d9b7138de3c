"""Arithmetic of printed accuracies: the means and deviations that counts of right answers can give."""

from __future__ import annotations

from functools import cache
from math import ceil, floor, sqrt

ROUNDED, CUT_OFF = "rounded", "cut off"  # how a number came to its printed digits
POPULATION, SAMPLE = "population", "sample"  # deviations divided by n, and by n - 1
EXACT = 1e-9  # tolerance in printed units, for rounding of the arithmetic itself


def possible_mean(printed: float, answers: int, decimals: int) -> str | None:
    """The way (rounded, cut off) in which a share of answers is printed so.

    ``answers`` counts the answers of all runs. None if no share is printed so.
    """
    return ROUNDED if _counts(printed, answers, decimals) else _cut_off(printed, answers, decimals)


@cache
def possible_deviations(
    mean: float, deviation: float, runs: int, examples: int, decimals: int
) -> frozenset[str]:
    """The kinds of deviation that accuracies of ``runs`` runs over ``examples`` can have, as printed.

    Both numbers are in percent; the mean may be rounded or cut off. Empty if no runs have both.
    """
    counts = _counts(mean, runs * examples, decimals)
    if not counts and _cut_off(mean, runs * examples, decimals):
        counts = [ceil(mean / 100 * runs * examples - EXACT)]
    unit = 10.0**-decimals
    kinds = set()
    for kind, divisor in ((POPULATION, runs), (SAMPLE, runs - 1)):
        low, high = (
            divisor * (max(deviation + sign * (0.5 + EXACT) * unit, 0) / 100 * examples) ** 2
            for sign in (-1, 1)
        )
        for count in counts:
            rest = count % runs  # deviation from the same whole number of right answers in each run
            squares = reachable(runs, rest, floor(high + rest**2 / runs + EXACT))
            low_square = max(ceil(low + rest**2 / runs - EXACT), 0)
            if squares >> low_square:
                kinds.add(kind)
    return frozenset(kinds)


@cache
def reachable(numbers: int, total: int, largest: int) -> int:
    """The possible sums of squares of ``numbers`` whole numbers with a ``total``: bit i tells if i is one.

    Sums above ``largest`` are left out.
    """
    side, mask = floor(sqrt(largest)), (1 << (largest + 1)) - 1
    sums = {0: 1}
    for remaining in range(numbers - 1, -1, -1):
        grown: dict[int, int] = {}
        for reached, squares in sums.items():
            for number in range(-side, side + 1):
                if abs(total - reached - number) <= remaining * side:
                    grown[reached + number] = grown.get(reached + number, 0) | squares << number**2 & mask
        sums = grown
    return sums.get(total, 0)


def _counts(printed: float, answers: int, decimals: int) -> list[int]:
    """The numbers of right answers whose share is rounded to ``printed``."""
    half = (0.5 + EXACT) * 10.0**-decimals
    low, high = ((printed + sign * half) / 100 * answers for sign in (-1, 1))
    return list(range(max(ceil(low), 0), min(floor(high), answers) + 1))


def _cut_off(printed: float, answers: int, decimals: int) -> str | None:
    share = 100 * ceil(printed / 100 * answers - EXACT) / answers
    return CUT_OFF if share < printed + 10.0**-decimals - EXACT else None
