"""The power of a grid's claims before any run, at printed effects.

A claim needs all of its comparisons, or the number that it states; its pooled answer is the mean over them.
Cells are assumed to be independent.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report import kinds, published
from benchmark.report.build import no_arrays
from benchmark.report.comparisons import Compared
from benchmark.report.evidence import averaging_rule
from benchmark.report.facts import runs_behind
from benchmark.report.judge import cells_needed
from benchmark.report.numbers import maxima, selection, spread
from benchmark.report.numbers.frame import scores
from benchmark.report.numbers.noncentral import effect, power, power_of_some, seeds_for, seeds_for_some
from benchmark.report.numbers.planned import with_floors
from benchmark.report.numbers.statistics import MANY
from benchmark.report.papers.beside import Beside
from benchmark.report.printed_effects import Contrast, of_maxima, of_means, of_spreads
from benchmark.report.sums import EXACT, Term

IN_REACH = 400  # seeds: more are not simulated


@dataclass(frozen=True)
class Foresight:
    """The power of a number of seeds to find a claim.

    ``cells`` are its comparisons, ``origins`` says where their spread comes from, ``missing`` why there is no
    power. ``whole`` is the power for the claim as stated. ``pooled`` is that for the mean over its cells, NaN
    for quantities other than mean scores. The other two fields are the seeds for 80 % power.
    """

    says: str
    cells: int
    origins: str
    whole: float = np.nan
    pooled: float = np.nan
    whole_seeds: int = 0
    pooled_seeds: int = 0
    missing: str = ""


def foresee(grid: Grid, records: dict[str, Record], correlation: float) -> list[Foresight]:
    """The power of every claim of a grid, at its number of seeds.

    ``records`` are of runs that were made already: their spread is preferred to a printed one.
    ``correlation`` is that of the two sides of a seed, used if their spread was not measured.
    """
    frame = selection.chosen(with_floors(grid, scores(grid, records), no_arrays))
    source = published.load(grid.table["published"]) if grid.table["published"] else {"rows": []}
    tasks = list(dict.fromkeys(frame["task"]))
    rule = averaging_rule(frame, tasks, source if source["rows"] else None, bool(grid.table["columns"]))
    compared = Compared(grid, frame, rule, records, no_arrays)
    printed = Beside(source, grid, frame) if source["rows"] and source.get("statistic") != "max" else None
    seeds = frame["seed"].nunique()
    return [_of_claim(claim, compared, printed, seeds, correlation) for claim in grid.table["claims"]]


def _of_claim(
    claim: dict[str, Any], compared: Compared, printed: Beside | None, seeds: int, correlation: float
) -> Foresight:
    cells, of = _cells(claim, compared), claim["of"]
    blank = Foresight(claim["says"], len(cells), "")
    if kinds.kind_of(claim) not in ("better", "lower") or of not in ("score", "std", "max", *EXACT):
        return replace(blank, missing="no effect of this kind is printed")
    if not cells:
        return replace(blank, missing="no run of this grid covers it")
    if of in EXACT:
        return replace(blank, origins="none: one run of either side decides", whole=1.0, whole_seeds=1)
    read: dict[str, Callable[..., Contrast | None]] = {
        "score": partial(of_means, correlation=correlation),
        "std": of_spreads,
        "max": of_maxima,
    }
    known = [read[of](printed, terms) if printed and terms else None for _, terms in cells]
    contrasts = [contrast for contrast in known if contrast]
    if not contrasts or len(contrasts) < len(cells):
        what = "deviation" if of == "std" else "gain or no spread"
        lacking = f"{len(cells) - len(contrasts)} of {len(cells)} cells have no printed {what}"
        return replace(blank, missing=lacking)
    sign = 1.0 if claim["better"] else -1.0
    contrasts = [replace(contrast, gain=sign * contrast.gain) for contrast in contrasts]
    # The comparisons of a column if a claim counts columns, else each by itself
    groups: dict[Any, list[Contrast]] = {}
    for number, ((column, _), contrast) in enumerate(zip(cells, contrasts, strict=True)):
        groups.setdefault(column if isinstance(claim["where"], int) else number, []).append(contrast)
    every, enough = list(groups.values()), min(cells_needed(claim, len(groups)), len(groups))
    chance, reach = _chance(of, correlation)
    return replace(
        blank,
        origins="+".join(dict.fromkeys(contrast.origin for contrast in contrasts)),
        whole=power_of_some(every, seeds, enough, of_cells=chance),
        whole_seeds=seeds_for_some(every, enough, of_cells=chance, most=reach),
        **(_pooled(contrasts, seeds) if of == "score" else {}),
    )


def _cells(claim: dict[str, Any], compared: Compared) -> list[tuple[str, list[Term]]]:
    """The column of every comparison of a claim, and its weighted arms.

    An arm without a counterpart for its gain is left out. Cells of the same runs count once.
    """
    side = "better" if claim["better"] else "lower"
    if not claim[side]:
        return []
    cells: dict[Hashable, tuple[str, list[Term]]] = {}
    for ours, others in compared.pairs(claim, side):
        bare = bool(claim["gain_over"] or claim.get("gain_of")) and not all(
            compared.bases(claim, arm) for arm in (ours, others)
        )
        for column, mine, theirs in compared.places(claim, side):
            terms = compared.with_bases(claim, [(1.0, ours, mine), (-1.0, others, theirs)])
            cells.setdefault((column, *runs_behind(terms)), (column, [] if bare else terms))
    return list(cells.values())


def _chance(of: str, correlation: float) -> tuple[Callable[[Sequence[Contrast], int, float], float], int]:
    """A function for the chance that a number of seeds shows all contrasts, and the most seeds to try."""
    if of == "score":
        return lambda cells, n, level: power([effect(c.gain, c.spread, 0.0) for c in cells], n, level), MANY
    if of == "std":
        return lambda cells, n, level: float(np.prod([spread.power(-c.gain, n, level) for c in cells])), MANY
    return lambda cells, n, level: float(
        np.prod([maxima.power(c.gain, *c.sides, correlation, n, level) for c in cells])
    ), IN_REACH


def _pooled(contrasts: Sequence[Contrast], seeds: int) -> dict[str, Any]:
    """The power of the mean over all contrasts, and its seeds for 80 %."""
    spread_of_mean = float(np.sqrt(sum(c.spread**2 for c in contrasts))) / len(contrasts)
    mean = effect(float(np.mean([c.gain for c in contrasts])), spread_of_mean, 0.0)
    return {"pooled": power(mean, seeds), "pooled_seeds": seeds_for(mean)}
