"""The number of seeds that would decide a claim.

A claim is decided as a whole: with this number of seeds, all comparisons that it needs are shown together
with 80 % power. The effect is the paper's printed one; without one it is the observed effect, and the text
says so. The spread is the upper end of its 95 % interval, since few seeds may show less spread than there is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.report.numbers.noncentral import seeds_for
from benchmark.report.numbers.statistics import LEVEL, MANY
from benchmark.report.paired_tests import OF_SIDES, Comparison


def seeds_to_decide(cells: Sequence[Sequence[Comparison]], wanted: int) -> tuple[int, str]:
    """Seeds that would decide ``wanted`` of ``cells``, and the effect for which they are computed.

    ``MANY`` means that no realistic number would do. A cell counts if all its comparisons are as claimed. The
    number is for runs that finish: lost ones make it larger, and the text says so.
    """
    tested = [some for cell in cells if (some := [c for c in cell if c.n > 1])]
    lossy = [any(any(c.lost) for c in cell) for cell in cells]
    untold = [all(c.n < 2 for c in cell) for cell in cells]
    # Cells without runs tell nothing; cells that lost their runs are not decided by more runs.
    wanted -= sum(not lost for lost, unknown in zip(lossy, untold, strict=True) if unknown)
    every = [comparison for cell in tested for comparison in cell]
    kept = ", if no run is lost" if any(lossy) else ""
    printed, observed = f"the printed effect{kept}", f"the effect seen{kept}"
    if all(not np.isnan(c.printed) and not np.isnan(c.spread) for c in every):
        return _to_show(tested, [[c.printed for c in cell] for cell in tested], wanted), printed
    seen = [[c.toward for c in cell] for cell in tested]
    against = [c for c in every if c.toward < 0]
    spared = len(tested) - wanted  # cells that may go the other way
    if len(against) > spared >= 0:
        return sorted(_single(c, LEVEL / len(every)) for c in against)[spared], observed
    return _to_show(tested, seen, wanted), observed


def stuck(cells: Sequence[Sequence[Comparison]]) -> bool:
    """True if an open comparison already has the fewest seeds that could decide it.

    The number of seeds that it needs is then unknown.
    """
    every = [comparison for cell in cells for comparison in cell if comparison.test == OF_SIDES]
    return any(c.p > LEVEL and c.n >= c.needed(LEVEL) for c in every)


def in_words(cells: Sequence[Sequence[Comparison]], wanted: int) -> str:
    """The number of seeds that would decide, in words."""
    if all(comparison.n < 2 for cell in cells for comparison in cell):
        return "one seed shows no spread"
    if stuck(cells):
        return "these seeds could have decided it, and how many would is not known"
    seeds, effect = seeds_to_decide(cells, wanted)
    number = "no number of seeds in reach" if seeds >= MANY else f"about {seeds} seeds"
    return f"at {effect}, {number} would decide"


def _to_show(cells: Sequence[Sequence[Comparison]], effects: Sequence[Sequence[float]], wanted: int) -> int:
    """Seeds that show the ``wanted`` cells of the largest ``effects`` together, by their smallest comparison."""
    if len(cells) < wanted:
        return MANY
    wanted = max(wanted, 1)
    sizes = [
        [_size(comparison, effect) for comparison, effect in zip(cell, of_cell, strict=True)]
        for cell, of_cell in zip(cells, effects, strict=True)
    ]
    order = sorted(range(len(cells)), key=lambda number: -min(sizes[number]))[:wanted]
    level = LEVEL / (len(cells) - wanted + 1)  # the level of a partial conjunction for the last cell
    known = [size for number in order for size in sizes[number] if np.isfinite(size)]
    others = [
        comparison.needed(level)
        for number in order
        for comparison, size in zip(cells[number], sizes[number], strict=True)
        if not np.isfinite(size)
    ]
    return max([seeds_for(known, level)] * bool(known) + others)


def _size(comparison: Comparison, effect: float) -> float:
    """An effect in standard deviations; infinite where no spread or another test tells the number of seeds."""
    if comparison.spread > 0:
        return effect / comparison.spread
    return np.inf if effect > 0 else -1.0  # an effect that is not as claimed is never shown


def _single(comparison: Comparison, level: float) -> int:
    """Seeds that show one comparison, in the direction seen."""
    size = abs(_size(comparison, abs(comparison.toward)))
    return seeds_for(size, level) if np.isfinite(size) else comparison.needed(level)
