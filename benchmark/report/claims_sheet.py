"""``claims.csv``: every comparison behind a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmark.report.judge import Verdict
from benchmark.report.kinds.shown import fields
from benchmark.report.numbers.statistics import LEVEL
from benchmark.report.paired_tests import Comparison
from benchmark.report.scopes import for_sentences


def numbers(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row per comparison of every claim, those against controls last; at least one row per claim.

    ``for_sentences`` is the verdict of seeds and examples, ``p_sentences`` its p-value before correction.
    ``effect``, ``low`` and ``high`` are in ``unit``. ``toward`` is the effect in the claimed direction, or
    its distance from the margin; for ratios it is a logarithm. ``p_claimed`` is one-sided. ``p_alone`` and
    the corrected ``p`` are two-sided; for claims within a margin they test for a difference beyond it.
    ``…_without_collapses`` is among the runs that did not collapse.
    """
    rows: list[dict[str, Any]] = []
    for number, judged in enumerate(verdicts, 1):
        claim = {"claim": number, "id": judged.id, "place": judged.place, "kind": judged.kind}
        claim |= {"says": judged.says, "verdict": judged.verdict}
        claim |= {"for_sentences": judged.sentences, "why": judged.why}
        rows += _rows(claim, judged)
        for again in judged.controls:
            controlled = {"control": again.control, "control_verdict": again.verdict}
            rows += _rows(claim | {"why": again.why} | controlled, again)
    return pd.DataFrame(rows)


def _rows(claim: dict[str, Any], judged: Verdict) -> list[dict[str, Any]]:
    corrected = judged.corrected or [np.nan] * len(judged.comparisons)
    level = LEVEL / max(len(judged.comparisons), 1)
    among = judged.without_collapses.comparisons if judged.without_collapses else []
    return [
        claim
        | _fields(comparison, level)
        | {"p": p}
        | {f"{name}_without_collapses": getattr(a, name) for a in others for name in ("toward", "n", "p")}
        for comparison, p, *others in zip(judged.comparisons, corrected, *[among] * bool(among), strict=True)
    ] or [claim]


def _fields(comparison: Comparison, level: float) -> dict[str, Any]:
    """The numbers of one comparison.

    ``seeds_needed`` would decide it alone, at the observed effect and the upper end of the spread's interval.
    """
    paper = comparison.paper_tried or (None, None)
    return {
        "column": comparison.column,
        "ours": comparison.ours,
        "others": comparison.others,
        "toward": comparison.toward,
        "printed": comparison.printed,
        "n": comparison.n,
        **fields(comparison),
        "p_claimed": comparison.one_sided,
        "p_alone": comparison.p,
        "p_sentences": for_sentences(comparison).p,
        "tried_ours": comparison.tried[0],
        "tried_others": comparison.tried[1],
        "paper_tried_ours": paper[0],
        "paper_tried_others": paper[1],
        "seeds_needed": comparison.needed(level) if comparison.n > 1 else None,
    }
