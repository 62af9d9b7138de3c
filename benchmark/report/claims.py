"""What becomes of a paper's claims: reproduced, contradicted, undecided at this number of seeds, not measured.

A claim is a set of comparisons. Each is tested two-sided, paired by seed, with Holm's correction over the
claim's comparisons. The claim is reproduced if all of them are significant as claimed, contradicted if one is
significant the other way, and undecided otherwise: a claim that may be wrong is better left open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from benchmark.grids.grid import Grid
from benchmark.grids.selectors import combinations, parsed
from benchmark.records.record import Record
from benchmark.report.comparisons import Compared, Comparison
from benchmark.report.numbers.frame import Rule
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.numbers.statistics import LEVEL, MANY, holm

REPRODUCED, CONTRADICTED, UNDECIDED, NOT_MEASURED = (
    "reproduced",
    "contradicted",
    "undecided",
    "not measured",
)
NO_EVIDENCE = ("store", "cache", "device", "seed")  # a claim does not speak of these


@dataclass(frozen=True)
class Verdict:
    """What a paper says, what became of it, and why; ``corrected`` are the comparisons' p-values."""

    says: str
    verdict: str
    why: str
    comparisons: list[Comparison] = field(default_factory=list)
    corrected: list[float] = field(default_factory=list)


def judge(
    grid: Grid, frame: pd.DataFrame, rule: Rule, records: Mapping[str, Record], arrays: Arrays
) -> list[Verdict]:
    """The verdict on every claim of a table; ``frame`` has one run per cell and seed."""
    if not grid.table["claims"]:
        return []
    compared = Compared(grid, frame, rule, records, arrays)
    return [verdict(claim, compared.of(claim), left_out(claim, grid)) for claim in grid.table["claims"]]


def verdict(claim: dict[str, Any], comparisons: list[Comparison], missing: str = "") -> Verdict:
    """The verdict on one claim; ``missing`` says what of the declared grid it speaks of and was not to be run."""
    made = [one for one in comparisons if one.n > 0]
    if not made:
        return Verdict(claim["says"], NOT_MEASURED, "no run has what it speaks of", comparisons)
    corrected = holm([one.p for one in comparisons]).tolist()
    states = [_state(one, p) for one, p in zip(comparisons, corrected, strict=True)]
    word = _decided(claim["where"], comparisons, states)
    counts = {state: states.count(state) for state in (1, -1)}
    why = f"{counts[1]} of {_count(len(states), 'comparison')} as claimed"
    if counts[-1]:
        why += f", {counts[-1]} the other way"
    if len(made) < len(comparisons):
        why += f", {len(comparisons) - len(made)} without runs"
    if word == REPRODUCED and missing:
        return Verdict(claim["says"], UNDECIDED, f"{why}, but {missing}", comparisons, corrected)
    if word == UNDECIDED:
        why += f"; {_enough(comparisons, states)}"
    why += f"; {missing}" if missing else ""
    return Verdict(claim["says"], word, why, comparisons, corrected)


def tempered(verdicts: Sequence[Verdict], leak_free: Sequence[Verdict]) -> list[Verdict]:
    """``verdicts`` by a paper's rule of selection, left open where the leak-free rule does not bear them out.

    What was chosen on the set that is reported may be better by the choice alone.
    """
    found = []
    for one, other in zip(verdicts, leak_free, strict=True):
        why = f"{one.why}; by the leak-free rule {other.verdict}"
        settled = one.verdict in (REPRODUCED, CONTRADICTED) and other.verdict not in (
            one.verdict,
            NOT_MEASURED,
        )
        if one.verdict == NOT_MEASURED:
            found.append(one)
        elif settled:
            found.append(replace(one, verdict=UNDECIDED, why=f"{one.verdict} by the paper's rule: {why}"))
        else:
            found.append(replace(one, why=why))
    return found


def numbers(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row per comparison of every claim; a claim without any has a row that says so."""
    rows = []
    for number, one in enumerate(verdicts, 1):
        claim = {"claim": number, "says": one.says, "verdict": one.verdict, "why": one.why}
        corrected = one.corrected or [np.nan] * len(one.comparisons)
        rows += [
            claim
            | {"column": c.column, "ours": c.ours, "others": c.others, "toward": c.toward, "n": c.n}
            | {"p_alone": c.p, "p": p}
            | {"seeds_needed": c.needed(LEVEL / len(one.comparisons)) if c.n > 1 else None}
            for c, p in zip(one.comparisons, corrected, strict=True)
        ] or [claim]
    return pd.DataFrame(rows)


def left_out(claim: dict[str, Any], grid: Grid) -> str:
    """What a claim speaks of that a user took out of the grid, in words; '' if it is all there.

    Other models in place of all the declared ones are another matter, which the table's notes have.
    """
    found = []
    for key in grid.changed:
        if key in NO_EVIDENCE or key not in grid.declared:
            continue
        gone = [value for value in grid.declared[key] if value not in grid.axes.get(key, ())]
        if key == "model" and len(gone) == len(grid.declared[key]):
            continue
        gone = [value for value in gone if _spoken_of(claim, key, value)]
        if gone:
            found.append(f"{key}={','.join(gone)}")
    return f"{' '.join(found)} was left out" if found else ""


def _spoken_of(claim: dict[str, Any], key: str, value: str) -> bool:
    if key == "task" and isinstance(claim["where"], list):
        return value in claim["where"]
    sides = [claim[side] for side in ("better", "lower", "than", "gain_over") if key in claim[side]]
    if not sides:
        return True  # it has to hold at every value
    here = parsed(key, value)
    if key == "method":
        return any(frozenset(here) in combinations(side[key]) for side in sides)
    return any(side[key] == here or (isinstance(side[key], list) and here in side[key]) for side in sides)


def _state(comparison: Comparison, p: float) -> int:
    """1 for significant as claimed, -1 for significant the other way, 0 for neither."""
    if np.isnan(p) or p > LEVEL or comparison.toward == 0:
        return 0
    return 1 if comparison.toward > 0 else -1


def _decided(where: Any, comparisons: list[Comparison], states: list[int]) -> str:
    if not isinstance(where, int):
        if -1 in states:
            return CONTRADICTED
        return REPRODUCED if all(state == 1 for state in states) else UNDECIDED
    by_column: dict[str, list[int]] = {}
    for one, state in zip(comparisons, states, strict=True):
        by_column.setdefault(one.column, []).append(state)
    if sum(all(state == 1 for state in of) for of in by_column.values()) >= where:
        return REPRODUCED
    against = sum(-1 in of for of in by_column.values())
    return CONTRADICTED if len(by_column) >= where > len(by_column) - against else UNDECIDED


def _enough(comparisons: list[Comparison], states: list[int]) -> str:
    """How many seeds would decide a claim if things are as they look."""
    if all(one.n < 2 for one in comparisons):
        return "one seed shows no spread"
    level = LEVEL / len(comparisons)
    open_ones = [one for one, state in zip(comparisons, states, strict=True) if not state and one.n > 1]
    against = [one.needed(level) for one in open_ones if one.toward < 0]
    seeds = min(against) if against else max((one.needed(level) for one in open_ones), default=MANY)
    return (
        "no number of seeds in reach would decide" if seeds >= MANY else f"about {seeds} seeds would decide"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)
