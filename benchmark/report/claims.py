"""Verdicts on a paper's claims: reproduced, contradicted, undecided, not measured.

A claim is a set of comparisons, paired by seed. It is reproduced if all of them, or as many as it speaks of, are
surely as claimed (`benchmark/report/numbers/conjunctions.py`), by the runs that finished and by all planned
runs with failures at the floor. It is contradicted if too many are significant the other way, after Holm's
correction over the claim's comparisons. Otherwise it is undecided at this number of seeds: leaving a claim open
is better than a wrong verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from benchmark.config.table import MOST
from benchmark.grids.grid import Grid
from benchmark.grids.selectors import combinations, parsed
from benchmark.records.record import Record
from benchmark.report import kinds
from benchmark.report.comparisons import Compared
from benchmark.report.kinds.shown import effects, fields
from benchmark.report.numbers.conjunctions import helped, most
from benchmark.report.numbers.frame import Rule
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.numbers.statistics import LEVEL, MANY, holm
from benchmark.report.paired_tests import Comparison

REPRODUCED, CONTRADICTED, UNDECIDED, NOT_MEASURED = (
    "reproduced",
    "contradicted",
    "undecided",
    "not measured",
)
OF_SCORES = ("score", "median")  # quantities that collapses change, and that speak of runs as a whole
NO_EVIDENCE = ("store", "cache", "device", "seed")  # axes that no claim covers


@dataclass(frozen=True)
class Verdict:
    """A paper's claim, the verdict on it and the reason.

    ``corrected`` are the p-values of the comparisons after Holm's correction. ``without_collapses`` is the verdict
    on the same claim among the runs that did not collapse, if some did. ``kind`` is the key of its declaration.
    """

    says: str
    verdict: str
    why: str
    comparisons: list[Comparison] = field(default_factory=list)
    corrected: list[float] = field(default_factory=list)
    without_collapses: Verdict | None = None
    id: str = ""
    place: str = ""
    kind: str = ""

    @property
    def sentence(self) -> str:
        """The claim with its id and its place in the paper."""
        place = f" ({self.place})" if self.place else ""
        return f"{self.id}{place}: {self.says}" if self.id else f"{self.says}{place}"


def judge(
    grid: Grid, frame: pd.DataFrame, rule: Rule, records: Mapping[str, Record], arrays: Arrays
) -> list[Verdict]:
    """The verdict on every claim of a table.

    ``frame`` has one run per cell and seed.
    """
    if not grid.table["claims"]:
        return []
    compared = Compared(grid, frame, rule, records, arrays)
    return [_judged(claim, compared, left_out(claim, grid)) for claim in grid.table["claims"]]


def _judged(claim: dict[str, Any], compared: Compared, missing: str) -> Verdict:
    """The verdict on one claim, and on the same claim among the runs that did not collapse."""
    judged = verdict(claim, kinds.comparisons(compared, claim), missing)
    judged = replace(
        judged, id=claim.get("id") or "", place=claim.get("place") or "", kind=kinds.kind_of(claim)
    )
    if claim["of"] not in OF_SCORES or not any(comparison.collapsed for comparison in judged.comparisons):
        return judged
    among = verdict(claim, kinds.comparisons(compared.without_collapses(), claim), missing)
    counted = among.why.split(";")[0]
    why = f"{judged.why}; among runs that did not collapse {among.verdict}: {counted}"
    return replace(judged, why=why, without_collapses=among)


def verdict(claim: dict[str, Any], comparisons: list[Comparison], missing: str = "") -> Verdict:
    """The verdict on one claim.

    ``missing`` names the values of the declared grid that the claim covers and the user left out.
    """
    made = [comparison for comparison in comparisons if comparison.n > 0]
    if not made:
        return Verdict(claim["says"], NOT_MEASURED, "no run covers it", comparisons)
    corrected = holm([comparison.p for comparison in comparisons]).tolist()
    states = [_state(comparison, p) for comparison, p in zip(comparisons, corrected, strict=True)]
    word = _decision(claim, comparisons, states)
    why = f"{helped([c.one_sided for c in comparisons])} of {_count(len(states), 'comparison')} as claimed"
    if -1 in states:
        why += f", {states.count(-1)} the other way"
    if len(made) < len(comparisons):
        why += f", {len(comparisons) - len(made)} without runs"
    why += effects(comparisons) + _failures(comparisons)
    waiting = sum(comparison.waiting for comparison in comparisons)
    open_ = [missing] if missing else []
    open_ += [f"{_count(waiting, 'run')} of its comparisons not run yet"] if waiting else []
    if word == REPRODUCED and open_:
        return Verdict(claim["says"], UNDECIDED, f"{why}, but {' and '.join(open_)}", comparisons, corrected)
    if word == UNDECIDED:
        why += f"; {_seeds_needed(comparisons, states)}"
    why += f"; {missing}" if missing else ""
    return Verdict(claim["says"], word, why, comparisons, corrected)


def tempered(verdicts: Sequence[Verdict], leak_free: Sequence[Verdict]) -> list[Verdict]:
    """``verdicts`` by a paper's rule of selection, undecided where the leak-free rule disagrees.

    A checkpoint or setting that was chosen on the reported set may look better by the choice alone.
    """
    final = []
    for by_paper, fair in zip(verdicts, leak_free, strict=True):
        word = by_paper.verdict
        why = f"{by_paper.why}; by the leak-free rule {fair.verdict}"
        if word == NOT_MEASURED:
            final.append(by_paper)
        elif word in (REPRODUCED, CONTRADICTED) and fair.verdict not in (word, NOT_MEASURED):
            final.append(replace(by_paper, verdict=UNDECIDED, why=f"{word} by the paper's rule: {why}"))
        else:
            final.append(replace(by_paper, why=why))
    return final


def numbers(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row per comparison of every claim; a claim without comparisons has one row.

    ``effect``, ``low`` and ``high`` are in ``unit``. ``toward`` is the effect as claimed, or its distance from the
    margin, of a ratio in logarithms. ``p_claimed`` is one-sided; ``p_alone`` and ``p``, which is corrected, are
    two-sided, of claims within a margin for a difference beyond it. ``…_without_collapses`` is among the runs that
    did not collapse.
    """
    rows = []
    for number, judged in enumerate(verdicts, 1):
        claim = {"claim": number, "id": judged.id, "place": judged.place, "kind": judged.kind}
        claim |= {"says": judged.says, "verdict": judged.verdict, "why": judged.why}
        corrected = judged.corrected or [np.nan] * len(judged.comparisons)
        among = judged.without_collapses.comparisons if judged.without_collapses else []
        rows += [
            claim
            | {"column": c.column, "ours": c.ours, "others": c.others, "toward": c.toward, "n": c.n}
            | fields(c)
            | {"p_claimed": c.one_sided, "p_alone": c.p, "p": p}
            | {"seeds_needed": c.needed(LEVEL / len(judged.comparisons)) if c.n > 1 else None}
            | {f"{name}_without_collapses": getattr(a, name) for a in others for name in ("toward", "n", "p")}
            for c, p, *others in zip(judged.comparisons, corrected, *[among] * bool(among), strict=True)
        ] or [claim]
    return pd.DataFrame(rows)


def left_out(claim: dict[str, Any], grid: Grid) -> str:
    """A claim's values that a user took out of the grid, in words, or ''.

    Replacing all declared models is not counted: the table's notes report it.
    """
    gone_by_key = []
    for key in grid.changed:
        if key in NO_EVIDENCE or key not in grid.declared:
            continue
        gone = [value for value in grid.declared[key] if value not in grid.axes.get(key, ())]
        if key == "model" and len(gone) == len(grid.declared[key]):
            continue
        gone = [value for value in gone if _covers(claim, key, value)]
        if gone:
            gone_by_key.append(f"{key}={','.join(gone)}")
    return f"{' '.join(gone_by_key)} was left out" if gone_by_key else ""


def _covers(claim: dict[str, Any], key: str, value: str) -> bool:
    if key == "task" and isinstance(claim["where"], list):
        return value in claim["where"]
    named = ("better", "lower", "runs", "than", "gain_over")
    sides = [claim[side] for side in named if key in claim.get(side, ())]
    if not sides:
        return True  # the claim must hold at every value of this axis
    stated = parsed(key, value)
    if key == "method":
        return any(frozenset(stated) in combinations(side[key]) for side in sides)
    return any(side[key] == stated or (isinstance(side[key], list) and stated in side[key]) for side in sides)


def _state(comparison: Comparison, p: float) -> int:
    """1 for significant as claimed, -1 for significant the other way, 0 for neither."""
    if np.isnan(p) or p > LEVEL or comparison.toward == 0:
        return 0
    return 1 if comparison.toward > 0 else -1


def _decision(claim: dict[str, Any], comparisons: list[Comparison], states: list[int]) -> str:
    """The verdict on at least so many cells: columns if ``where`` is a number, else comparisons."""
    of_columns = isinstance(claim["where"], int)
    cells: dict[Any, list[int]] = {}
    for number, comparison in enumerate(comparisons):
        cells.setdefault(comparison.column if of_columns else number, []).append(number)
    wanted = _wanted(claim, len(cells))
    # All comparisons of a column are needed, so each may use the full level, and the largest p counts.
    p_values = [float(np.max([comparisons[i].one_sided for i in numbers])) for numbers in cells.values()]
    if helped(p_values) >= wanted:
        return REPRODUCED
    against = sum(any(states[i] == -1 for i in numbers) for numbers in cells.values())
    return CONTRADICTED if len(cells) >= wanted > len(cells) - against else UNDECIDED


def _wanted(claim: dict[str, Any], cells: int) -> int:
    """The number of cells that a claim speaks of."""
    if isinstance(claim["where"], int):
        return claim["where"]
    number = claim.get("at_least")
    return most(cells) if number == MOST else number or cells


def _failures(comparisons: Sequence[Comparison]) -> str:
    """The most runs that each side of a comparison lost, in words, or ''."""
    ours, others = (max(comparison.lost[side] for comparison in comparisons) for side in (0, 1))
    return f"; up to {ours} runs lost against {others}" if ours or others else ""


def _seeds_needed(comparisons: list[Comparison], states: list[int]) -> str:
    """Number of seeds that would decide a claim, in words, with effects as observed."""
    if all(comparison.n < 2 for comparison in comparisons):
        return "one seed shows no spread"
    level = LEVEL / len(comparisons)
    undecided = [c for c, state in zip(comparisons, states, strict=True) if not state and c.n > 1]
    against = [comparison.needed(level) for comparison in undecided if comparison.toward < 0]
    needed = (comparison.needed(level) for comparison in undecided)
    seeds = min(against) if against else max(needed, default=MANY)
    return (
        "no number of seeds in reach would decide" if seeds >= MANY else f"about {seeds} seeds would decide"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
