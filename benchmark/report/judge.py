"""Verdicts on a paper's claims: reproduced, contradicted, undecided, not measured, cannot be tested here.

A claim is a set of comparisons, paired by seed. It is reproduced if all of them, or the number that it
states, are surely as claimed (`benchmark/report/numbers/conjunctions.py`), by the runs that finished and by
all planned runs with failures at the floor. It is contradicted if too many are significant the other way,
after Holm's correction over the claim's comparisons. Otherwise it is undecided at this number of seeds: an
open claim is better than a wrong verdict. Each verdict is given twice, see `benchmark/report/scopes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmark.config.table import MOST
from benchmark.report import budgets, collapses, enough, kinds, scopes
from benchmark.report.comparisons import Compared
from benchmark.report.coverage import left_out
from benchmark.report.kinds.shown import effects
from benchmark.report.numbers.conjunctions import helped, most
from benchmark.report.numbers.statistics import LEVEL, holm
from benchmark.report.paired_tests import Comparison
from benchmark.report.words import CONTRADICTED, NOT_MEASURED, REPRODUCED, UNDECIDED, UNTESTABLE, worded

NO_RUN = "no run covers it"


@dataclass(frozen=True)
class Verdict:
    """A paper's claim, the verdict on it and the reason.

    ``verdict`` holds for this evaluation set and is tested over seeds; ``sentences`` holds for sentences like
    these and is tested over seeds and examples. ``corrected`` are the comparisons' p-values after Holm's
    correction. ``control`` names the control of a claim that was judged against one, and ``controls`` has
    these verdicts. If some runs collapsed, ``without_collapses`` is the verdict among the others. ``kind``
    is the key of its declaration, ``leak_free`` the leak-free verdict, '' if nothing was chosen.
    """

    says: str
    verdict: str
    why: str
    comparisons: list[Comparison] = field(default_factory=list)
    corrected: list[float] = field(default_factory=list)
    sentences: str = NOT_MEASURED
    control: str = ""
    controls: tuple[Verdict, ...] = ()
    without_collapses: Verdict | None = None
    id: str = ""
    place: str = ""
    kind: str = ""
    leak_free: str = ""

    @property
    def sentence(self) -> str:
        """The claim with its id and its place in the paper."""
        place = f" ({self.place})" if self.place else ""
        return f"{self.id}{place}: {self.says}" if self.id else f"{self.says}{place}"


def judge(
    compared: Compared, claims: Sequence[dict[str, Any]], open_: str = "", changed: bool = False
) -> list[Verdict]:
    """The verdict on every one of ``claims``, and among the runs that did not collapse.

    ``open_`` is a reason why none counts as reproduced, or ''. A ``changed`` recipe has other words.
    """
    verdicts = []
    for claim in claims:
        blank = without_runs(claim)
        if blank.verdict == UNTESTABLE:
            verdicts.append(blank)
            continue
        missing = " and ".join(filter(None, [left_out(claim, compared.grid), open_]))
        judged = verdict(claim, kinds.comparisons(compared, claim), missing)
        judged = replace(judged, kind=blank.kind, id=blank.id, place=blank.place)
        if any(c.collapsed for c in judged.comparisons) and collapses.decide(compared, claim, judged.kind):
            among = verdict(claim, kinds.comparisons(compared.without_collapses(), claim), missing)
            needed = collapses.borne_out_by_others(compared, claim, judged.kind)
            judged = _beside(judged, among, needed, changed)
        verdicts.append(judged)
    return verdicts


def _beside(judged: Verdict, among: Verdict, needed: Sequence[str], changed: bool) -> Verdict:
    """A verdict; undecided if it is in ``needed`` and differs ``among`` the runs that did not collapse."""
    said = f"among runs that did not collapse {worded(among.verdict, changed)}: {among.why.split(';')[0]}"
    word, sentences = (
        UNDECIDED if mine in needed and mine != theirs else mine
        for mine, theirs in ((judged.verdict, among.verdict), (judged.sentences, among.sentences))
    )
    judged = replace(judged, why=f"{judged.why}; {said}", without_collapses=among)
    return replace(judged, verdict=word, sentences=sentences)


def without_runs(claim: dict[str, Any]) -> Verdict:
    """The verdict on a claim that no run covers yet, or can test."""
    named: dict[str, Any] = {"id": claim.get("id") or "", "place": claim.get("place") or ""}
    if reason := claim.get("untestable"):
        return Verdict(claim["says"], UNTESTABLE, reason, sentences=UNTESTABLE, **named)
    return Verdict(claim["says"], NOT_MEASURED, NO_RUN, kind=kinds.kind_of(claim), **named)


def verdict(claim: dict[str, Any], comparisons: list[Comparison], missing: str = "") -> Verdict:
    """The verdict on one claim.

    ``missing`` names the values of the declared grid that the claim covers and the user left out.
    """
    if not (made := [comparison for comparison in comparisons if comparison.n > 0]):
        return Verdict(claim["says"], NOT_MEASURED, _nothing(comparisons), comparisons)
    corrected = holm([comparison.p for comparison in comparisons]).tolist()
    signs = states(comparisons, corrected)
    word = _decision(claim, comparisons, signs)
    why = f"{helped([c.one_sided for c in comparisons])} of {_count(len(signs), 'comparison')} as claimed"
    if -1 in signs:
        why += f", {signs.count(-1)} the other way"
    if len(made) < len(comparisons):
        why += f", {len(comparisons) - len(made)} without runs"
    why += effects(comparisons) + _failures(comparisons) + budgets.in_words(comparisons)
    waiting = sum(comparison.waiting for comparison in comparisons)
    left = f"{_count(waiting, 'run')} of its comparisons not run yet" if waiting else ""
    kept_open = [reason for reason in (missing, left) if reason]
    sentences = scopes.unknown(comparisons) or _for_sentences(claim, comparisons)
    if REPRODUCED in (word, sentences) and kept_open:
        sentences = _open(sentences)
        if word == REPRODUCED:
            why = f"{why}, but {' and '.join(kept_open)}"
            return Verdict(claim["says"], UNDECIDED, why, comparisons, corrected, sentences)
    if word == UNDECIDED:
        cells = list(cells_of(claim, comparisons).values())
        why += f"; {enough.in_words(cells, cells_needed(claim, len(cells)))}"
        why += f"; {left}" if left else ""
    why += f"; {missing}" if missing else ""
    return Verdict(claim["says"], word, why, comparisons, corrected, sentences)


def tempered(
    verdicts: Sequence[Verdict], leak_free: Sequence[Verdict], changed: bool = False
) -> list[Verdict]:
    """``verdicts`` by a paper's selection rule; those that the leak-free rule contradicts become undecided.

    A checkpoint or setting that was chosen on the reported set may look better because of this choice alone.
    Without a leak-free score, the side that tried more settings cannot be shown to be better.
    """
    final = []
    for by_paper, fair in zip(verdicts, leak_free, strict=True):
        if by_paper.verdict in (NOT_MEASURED, UNTESTABLE):
            final.append(
                by_paper if by_paper.verdict == UNTESTABLE else replace(by_paper, leak_free=fair.verdict)
            )
            continue
        word, sentences = (
            _tempered(by_paper, mine, theirs)
            for mine, theirs in ((by_paper.verdict, fair.verdict), (by_paper.sentences, fair.sentences))
        )
        unscored = fair.verdict == NOT_MEASURED
        said = "no leak-free score" if unscored else f"by the leak-free rule {worded(fair.verdict, changed)}"
        why = f"{by_paper.why}; {said}"
        if word != by_paper.verdict:
            why = f"{worded(by_paper.verdict, changed)} by the paper's rule: {why}"
        final.append(replace(by_paper, verdict=word, why=why, sentences=sentences, leak_free=fair.verdict))
    return final


def _tempered(by_paper: Verdict, word: str, fair: str) -> str:
    """The ``word`` of a verdict, or undecided if the leak-free verdict does not support it."""
    if word not in (REPRODUCED, CONTRADICTED) or word == fair:
        return word
    toward = 1 if word == REPRODUCED else -1
    return UNDECIDED if fair != NOT_MEASURED or budgets.favoured(by_paper.comparisons, toward) else word


def _for_sentences(claim: dict[str, Any], comparisons: list[Comparison]) -> str:
    """The verdict for sentences like these."""
    wider = [scopes.for_sentences(comparison) for comparison in comparisons]
    corrected = holm([comparison.p for comparison in wider])
    return _decision(claim, wider, states(wider, corrected))


def states(comparisons: Sequence[Comparison], corrected: Iterable[float]) -> list[int]:
    """For each comparison 1 if significant as claimed, -1 if the other way, else 0.

    Lost runs may also cause the contrary result, so all planned seeds must show it as well.
    """
    return [
        0
        if np.isnan(p) or p > LEVEL or (comparison.toward < 0 and not comparison.holds_the_other_way)
        else int(comparison.toward > 0) - int(comparison.toward < 0)
        for comparison, p in zip(comparisons, corrected, strict=True)
    ]


def _decision(claim: dict[str, Any], comparisons: list[Comparison], signs: list[int]) -> str:
    """The verdict on at least so many cells."""
    cells = cells_of(claim, comparisons)
    enough_cells = cells_needed(claim, len(cells))
    # All comparisons of a cell are needed, so each may use the full level, and the largest p counts.
    p_values = [float(np.max([c.one_sided for c in cell])) for cell in cells.values()]
    if helped(p_values) >= enough_cells:
        return REPRODUCED
    against = {key for key, state in zip(_keys(claim, comparisons), signs, strict=True) if state == -1}
    return CONTRADICTED if len(cells) >= enough_cells > len(cells) - len(against) else UNDECIDED


def cells_of(claim: dict[str, Any], comparisons: Sequence[Comparison]) -> dict[Any, list[Comparison]]:
    """The comparisons, grouped by the units that a claim counts."""
    cells: dict[Any, list[Comparison]] = {}
    for key, comparison in zip(_keys(claim, comparisons), comparisons, strict=True):
        cells.setdefault(key, []).append(comparison)
    return cells


def _keys(claim: dict[str, Any], comparisons: Sequence[Comparison]) -> list[Any]:
    """The units that a claim counts: columns if ``where`` is a number, else comparisons."""
    of_columns = isinstance(claim["where"], int)
    return [c.column if of_columns else number for number, c in enumerate(comparisons)]


def cells_needed(claim: dict[str, Any], cells: int) -> int:
    """The number of cells that a claim needs."""
    if isinstance(claim["where"], int):
        return claim["where"]
    number = claim.get("at_least")
    return most(cells) if number == MOST else number or cells


def _nothing(comparisons: Sequence[Comparison]) -> str:
    """The reason why no comparison could be made."""
    if not comparisons:
        return NO_RUN
    waiting, notes = sum(c.waiting for c in comparisons), dict.fromkeys(c.note for c in comparisons if c.note)
    left = f"; {_count(waiting, 'run')} not run yet" if waiting else ""
    return "; ".join(["no seed has all the values that it needs", *notes]) + _failures(comparisons) + left


def _open(word: str) -> str:
    """A verdict in place of ``word`` that does not call the claim reproduced."""
    return UNDECIDED if word == REPRODUCED else word


def _failures(comparisons: Sequence[Comparison]) -> str:
    """The most runs that each side of a comparison lost, in words, or ''."""
    ours, others = (max(comparison.lost[side] for comparison in comparisons) for side in (0, 1))
    return f"; up to {ours} runs lost against {others}" if ours or others else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
