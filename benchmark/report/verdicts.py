"""The verdicts of a table: by the paper's rule, leak-free, against controls, in the words of its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from benchmark.grids.controls import controlled
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report import judge
from benchmark.report.comparisons import Compared
from benchmark.report.coverage import fewer_seeds
from benchmark.report.facts import Facts
from benchmark.report.judge import Verdict
from benchmark.report.numbers import selection
from benchmark.report.numbers.frame import Rule
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.words import NOT_MEASURED, REPRODUCED, UNDECIDED, worded


def of_table(
    grid: Grid,
    frame: pd.DataFrame,
    rule: Rule,
    records: Mapping[str, Record],
    arrays: Arrays,
    facts: Facts,
    fair: pd.DataFrame | None,
    changed: bool,
) -> list[Verdict]:
    """The verdict on every claim of a table, with those against its controls.

    ``frame`` has one run per cell and seed. ``fair`` has the leak-free scores, None if nothing was chosen on the
    reported set. ``changed`` is True for another recipe than the declared one.
    """
    asked = list(_asked(grid.table))
    if not asked:
        return []
    open_ = "" if changed else fewer_seeds(grid)

    def judged(scored: pd.DataFrame) -> list[Verdict]:
        compared = Compared(grid, scored, rule, records, arrays, facts)
        return judge.judge(compared, [claim for _, _, claim in asked], open_, changed)

    verdicts = judged(frame)
    if fair is not None:
        verdicts = judge.tempered(verdicts, judged(selection.with_scores(frame, fair)), changed)
    by_claim: dict[int, list[Verdict]] = {}
    for (number, control, _), verdict in zip(asked, verdicts, strict=True):
        by_claim.setdefault(number, []).append(replace(verdict, control=control))
    return [_whole(first, again, changed) for first, *again in by_claim.values()]


def _asked(table: Mapping[str, Any]) -> list[tuple[int, str, dict[str, Any]]]:
    """Every claim of a table and again with every control: its number, the control or '', and the claim."""
    asked = []
    for number, claim in enumerate(table["claims"]):
        again = (("+".join(control), controlled(claim, control)) for control in table["controls"])
        asked.append((number, "", claim))
        asked.extend((number, name, changed) for name, changed in again if changed)
    return asked


def _whole(first: Verdict, again: list[Verdict], changed: bool) -> Verdict:
    """A verdict with those against controls, in the words of the recipe.

    Controls are left out if nothing was measured.
    """
    if first.verdict == NOT_MEASURED:
        return first
    against = tuple(replace(_worded(verdict, changed), why=_reason(first, verdict)) for verdict in again)
    return replace(_worded(first, changed), controls=against)


def _reason(against_plain: Verdict, against_control: Verdict) -> str:
    """The reason of a verdict against a control, beside the one against plain fine-tuning.

    A control with missing runs, or too few to test, does not remove a gain.
    """
    why, made = against_control.why, against_control.comparisons
    if against_plain.verdict != REPRODUCED or against_control.verdict in (REPRODUCED, NOT_MEASURED):
        return why
    if against_control.verdict == UNDECIDED and any(c.waiting or c.n < 2 for c in made):
        return f"whether the gain is the noise's is open; {why}"
    return f"not the noise's, as far as these runs show: the gain over plain fine-tuning is not borne out over it; {why}"


def _worded(verdict: Verdict, changed: bool) -> Verdict:
    among = verdict.without_collapses
    return replace(
        verdict,
        without_collapses=among and _worded(among, changed),
        verdict=worded(verdict.verdict, changed),
        sentences=worded(verdict.sentences, changed),
        leak_free=worded(verdict.leak_free, changed),
    )
