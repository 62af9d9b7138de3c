"""Power: the chance that a number of seeds finds an effect, before anything is run.

An effect is in standard deviations of one paired difference. Power is the chance that a two-sided test is
significant in the claimed direction, by the noncentral t distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeAlias, TypeVar

import numpy as np
from scipy import stats

from benchmark.report.numbers.statistics import LEVEL, MANY, POWER

Cell = TypeVar("Cell")
Chance: TypeAlias = Callable[[Sequence[Cell], int, float], float]  # the chance for cells, seeds and a level


def effect(gain: float, ours: float, others: float, correlation: float = 0.0) -> float:
    """A ``gain`` in standard deviations of the difference of two arms with these deviations.

    ``correlation`` is of the two sides of a seed, which share its data order. Infinite for a gain without
    spread, 0 for no gain.
    """
    variance = ours**2 + others**2 - 2 * correlation * ours * others
    if variance > 0 or gain == 0:
        return gain / float(np.sqrt(variance)) if gain else 0.0
    return float(np.copysign(np.inf, gain))


def power(effects: float | Sequence[float] | np.ndarray, n: int, level: float = LEVEL) -> float:
    """Chance that ``n`` seeds show all of the effects (cells,), each at a two-sided ``level``.

    The cells are taken to be independent. 0 for fewer than two seeds.
    """
    if n < 2:
        return 0.0
    critical = float(stats.t.isf(level / 2, n - 1))
    shifts = np.atleast_1d(np.asarray(effects, float)) * np.sqrt(n)
    infinite = np.isposinf(shifts)  # a gain without any spread, which scipy does not know
    chances = np.where(infinite, 1.0, stats.nct.sf(critical, n - 1, np.where(infinite, 0.0, shifts)))
    return float(np.prod(chances))


def seeds_for(
    effects: float | Sequence[float] | np.ndarray, level: float = LEVEL, wanted: float = POWER
) -> int:
    """Smallest number of seeds that shows all of the effects (cells,) with the ``wanted`` power.

    Every cell is tested at a two-sided ``level``. At most ``MANY``, which also stands for never: an effect
    against the claim, or NaN, cannot be shown.
    """
    return _seeds_for(tuple(np.atleast_1d(np.asarray(effects, float)).tolist()), level, wanted)


@cache
def _seeds_for(sizes: tuple[float, ...], level: float, wanted: float) -> int:
    if not sizes or not all(size > 0 for size in sizes) or power(sizes, MANY, level) < wanted:
        return MANY
    # The search starts low: a known spread needs fewer seeds than a measured one, and the smallest effect
    # fewer than all.
    few = int(((stats.norm.isf(level / 2) + stats.norm.ppf(wanted)) / min(sizes)) ** 2)
    few, step = max(few - 1, 1), 1
    enough = few + step
    while power(sizes, enough, level) < wanted:
        step *= 2
        few, enough = enough, min(enough + step, MANY)
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if power(sizes, middle, level) >= wanted else (middle, enough)
    return enough


def power_of_some(
    groups: Sequence[Sequence[Cell]],
    n: int,
    wanted: int,
    level: float = LEVEL,
    of_cells: Chance[Cell] = power,  # type: ignore[assignment]
) -> float:
    """Chance that ``n`` seeds show at least ``wanted`` groups of independent cells.

    Each group is tested at ``level`` divided by one more than the number of groups that may be missed.
    ``of_cells`` is the chance that all cells of a group are shown; cells are effects, unless it says
    otherwise.
    """
    chances = [of_cells(cells, n, level / (len(groups) - wanted + 1)) for cells in groups]
    counts = np.array([1.0])  # chance of 0, 1, … cells so far
    for chance in chances:
        counts = np.convolve(counts, [1 - chance, chance])
    return float(counts[wanted:].sum())


def seeds_for_some(
    groups: Sequence[Sequence[Cell]],
    wanted: int,
    level: float = LEVEL,
    of_cells: Chance[Cell] = power,  # type: ignore[assignment]
    most: int = MANY,
) -> int:
    """Fewest seeds that show ``wanted`` groups of cells with 80 % power, as `power_of_some`.

    ``MANY``, which also stands for never, if more than ``most`` are needed.
    """

    def suffice(n: int) -> bool:
        return power_of_some(groups, n, wanted, level, of_cells) >= POWER

    if not groups or not suffice(most):
        return MANY
    few, enough = 1, 2
    while not suffice(enough):
        few, enough = enough, min(2 * enough, most)
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if suffice(middle) else (middle, enough)
    return enough
