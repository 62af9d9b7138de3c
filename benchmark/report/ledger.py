"""The ledger: one row per declared claim, with its verdict, its evidence and what is missing.

A claim that several tables declare has a row for each, since each has its own runs. In counts, it has the
verdict of the row with the most pairs of runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.grids.grid import Grid
from benchmark.report import enough
from benchmark.report.coverage import runs_of
from benchmark.report.judge import Verdict, cells_needed, cells_of, states
from benchmark.report.kinds.shown import P_AT
from benchmark.report.numbers.conjunctions import helped
from benchmark.report.numbers.pooled import equal_weights
from benchmark.report.numbers.statistics import MANY
from benchmark.report.paired_tests import Comparison
from benchmark.report.papers.findings import sentences
from benchmark.report.published import claim_ids, claim_of
from benchmark.report.words import NOT_DECLARED, NOT_MEASURED

WorkOf = Callable[[RunConfig], Hashable]  # gives the work of a planned run
# The hours of a run with this work; None if its workload was not measured
Hours = Callable[[Any], float | None]


@dataclass(frozen=True)
class LedgerRow:
    """One claim of one table.

    - ``verdict``: on this evaluation set; ``for_sentences``: for sentences like these.
    - ``effect``, ``low``, ``high``: in ``unit``; for several ``comparisons`` their mean, with an interval over them.
    - ``pairs`` of runs behind it, of those ``planned``; ``lost_…``: the most runs that a comparison lost on a side.
    - ``controls``: the verdict against each control.
    - ``leak_free``: the verdict by the leak-free rule; ``tried_…``: the most settings tried on a side.
    - ``without_collapses``: the verdict among the runs that did not collapse, if some did.
    - ``helped``, ``hurt``: the numbers of comparisons surely as claimed, and surely the other way.
    - ``missing``: the number of runs not in the store; ``awaited`` has their work until `timed` adds the hours.
    - ``hours``: the time of the missing runs whose workload was measured here.
    - ``not_timed``: the number of missing runs whose workload was not measured.
    - ``seeds``: the number that decides the claim with 80 % power, at the effect that ``seeds_at`` names; NaN if unknown.
    - ``own_tables``: the statement of the paper's own tables, if they contradict the claim.
    """

    id: str
    paper: str
    table: str
    place: str
    says: str
    kind: str
    verdict: str
    for_sentences: str = NOT_MEASURED
    effect: float = np.nan
    low: float = np.nan
    high: float = np.nan
    unit: str = ""
    comparisons: int = 0
    pairs: int = 0
    planned: int = 0
    lost_ours: int = 0
    lost_others: int = 0
    controls: str = ""
    leak_free: str = ""
    tried_ours: int = 1
    tried_others: int = 1
    without_collapses: str = ""
    helped: int = 0
    hurt: int = 0
    missing: int = 0
    hours: float = 0.0
    not_timed: int = 0
    seeds: float = np.nan
    seeds_at: str = ""
    own_tables: str = ""
    why: str = ""
    awaited: tuple[tuple[Any, int], ...] = ()


def entries(grid: Grid, verdicts: Sequence[Verdict], done: Iterable[str], work: WorkOf) -> list[LedgerRow]:
    """One entry per verdict on a claim of ``grid``; ``done`` are the ids of the runs in the store."""
    have, seeds = set(done), len({run.config.seed for run in grid.runs})
    return [
        _entry(grid, claim, judged, have, work, seeds)
        for claim, judged in zip(grid.table["claims"], verdicts, strict=True)
    ]


def timed(rows: Iterable[LedgerRow], hours: Hours) -> list[LedgerRow]:
    """The ``rows`` with the time that their missing runs will take."""
    return [_timed(row, [(hours(work), number) for work, number in row.awaited]) for row in rows]


def _timed(row: LedgerRow, hours_and_counts: Sequence[tuple[float | None, int]]) -> LedgerRow:
    known = sum(hours * number for hours, number in hours_and_counts if hours is not None)
    unknown = sum(number for hours, number in hours_and_counts if hours is None)
    return replace(row, hours=known, not_timed=unknown, awaited=())


def undeclared(declared: Sequence[LedgerRow], papers: Iterable[str]) -> list[LedgerRow]:
    """An entry for every id of ``papers`` that no entry has."""
    have = {claim_of(entry.id) for entry in declared}
    return [
        LedgerRow(
            name, paper, "", place, "", "", NOT_DECLARED, NOT_DECLARED, own_tables=_own_tables(paper, name)
        )
        for paper in papers
        for name, place in claim_ids().get(paper, {}).items()
        if name not in have
    ]


def summary(rows: Sequence[LedgerRow]) -> list[str]:
    """One line per paper, and one for all if they are several: the number of claims by verdict."""
    papers = list(dict.fromkeys(entry.paper for entry in rows))
    lines = [_counts(paper, [entry for entry in rows if entry.paper == paper]) for paper in papers]
    return [*lines, *([_counts("together", rows)] if len(papers) > 1 else [])]


def frame(rows: Sequence[LedgerRow]) -> pd.DataFrame:
    """The ledger as tidy data, one row per entry."""
    return pd.DataFrame([asdict(entry) for entry in rows]).drop(columns="awaited")


def _entry(
    grid: Grid, claim: dict[str, Any], judged: Verdict, have: set[str], work: WorkOf, seeds: int
) -> LedgerRow:
    paper, made = grid.name.partition("/")[0], judged.comparisons
    missing = [run.config for run in runs_of(claim, grid) if run.run_id not in have]
    lost, tried = (
        [max((getattr(c, name)[side] for c in made), default=least) for side in (0, 1)]
        for name, least in (("lost", 0), ("tried", 1))
    )
    return LedgerRow(
        id=judged.id,
        paper=paper,
        table=grid.name,
        place=judged.place,
        says=judged.says,
        kind=judged.kind,
        verdict=judged.verdict,
        for_sentences=judged.sentences,
        **_effect(made),
        comparisons=len(made),
        pairs=sum(c.pairs[0] or c.n for c in made),
        planned=sum(c.pairs[1] or seeds for c in made),
        lost_ours=lost[0],
        lost_others=lost[1],
        controls="; ".join(f"{again.control}: {again.verdict}" for again in judged.controls),
        leak_free=judged.leak_free,
        tried_ours=tried[0],
        tried_others=tried[1],
        without_collapses=judged.without_collapses.verdict if judged.without_collapses else "",
        helped=helped([c.one_sided for c in made]) if made else 0,
        hurt=states(made, judged.corrected).count(-1) if judged.corrected else 0,
        missing=len(missing),
        awaited=tuple(Counter(map(work, missing)).items()),
        **_seeds(claim, made),
        own_tables=_own_tables(paper, judged.id),
        why=judged.why,
    )


def _effect(made: Sequence[Comparison]) -> dict[str, Any]:
    """The effect of the comparisons that have runs, if they share one unit; for several, the mean."""
    known = [c for c in made if c.n and np.isfinite(c.effect)]
    units = {c.unit for c in known}
    if len(units) != 1:
        return {}
    [unit] = units
    if len(known) == 1:
        return {"effect": known[0].effect, "low": known[0].low, "high": known[0].high, "unit": unit}
    if unit.startswith(P_AT):
        return {}  # p-values have no mean
    effects = np.array([c.effect for c in known])
    ratio = unit == "ratio" and (effects > 0).all()
    mean = equal_weights(np.log(effects) if ratio else effects)
    ends = [float(np.exp(end) if ratio else end) for end in (mean.mean, mean.low, mean.high)]
    return dict(zip(("effect", "low", "high"), ends, strict=True)) | {"unit": unit}


def _seeds(claim: dict[str, Any], made: list[Comparison]) -> dict[str, Any]:
    """The number of seeds that decide a claim.

    NaN without two runs on both sides, or if it is out of reach.
    """
    if all(c.n < 2 for c in made):
        return {}
    cells = list(cells_of(claim, made).values())
    if enough.stuck(cells):
        return {}
    seeds, effect = enough.seeds_to_decide(cells, cells_needed(claim, len(cells)))
    return {"seeds": np.inf if seeds >= MANY else seeds, "seeds_at": effect}


def _own_tables(paper: str, name: str) -> str:
    claim = claim_of(name)
    stated = [entry["says"] for entry in sentences(paper) if claim and claim in entry.get("claims", ())]
    return "; ".join(stated)


def _counts(paper: str, rows: Sequence[LedgerRow]) -> str:
    by_id: dict[str, LedgerRow] = {}
    for entry in sorted(rows, key=lambda entry: -entry.pairs):
        if entry.id:
            by_id.setdefault(entry.id, entry)
    words = Counter(entry.verdict for entry in by_id.values())
    without, claims = words.pop(NOT_DECLARED, 0), {claim_of(name) for name in by_id}
    parts = f" in {words.total()} parts" if words.total() > len(claims) - without else ""
    nameless = Counter(entry.verdict for entry in rows if not entry.id)
    against = len({claim_of(name) for name, entry in by_id.items() if entry.own_tables})
    text = f"{paper}: {len(claims)} claims: {len(claims) - without} declared{parts}{_listed(words)}"
    text += f", {without} {NOT_DECLARED}" if without else ""
    text += f"; {against} contradicted by the paper's own tables" if against else ""
    return text + (f"; {nameless.total()} more sentences{_listed(nameless)}" if nameless else "")


def _listed(words: Mapping[str, int]) -> str:
    counts = ", ".join(f"{count} {word}" for word, count in sorted(words.items()))
    return f" ({counts})" if counts else ""
