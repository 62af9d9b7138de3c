"""``claims.csv``: every comparison behind a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmark.report.claims import Verdict
from benchmark.report.numbers.statistics import LEVEL
from benchmark.report.paired_tests import Comparison
from benchmark.report.scopes import for_sentences


def numbers(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row per comparison of every claim, those against controls last; at least one row per claim.

    ``for_sentences`` is the verdict of seeds and examples, ``p_sentences`` its p-value before correction.
    """
    rows: list[dict[str, Any]] = []
    for number, judged in enumerate(verdicts, 1):
        claim = {"claim": number, "says": judged.says, "verdict": judged.verdict}
        claim |= {"for_sentences": judged.sentences, "why": judged.why}
        rows += _rows(claim, judged)
        for again in judged.controls:
            controlled = {"control": again.control, "control_verdict": again.verdict}
            rows += _rows(claim | {"why": again.why} | controlled, again)
    return pd.DataFrame(rows)


def _rows(claim: dict[str, Any], judged: Verdict) -> list[dict[str, Any]]:
    corrected = judged.corrected or [np.nan] * len(judged.comparisons)
    level = LEVEL / max(len(judged.comparisons), 1)
    return [
        claim | _fields(comparison, level) | {"p": p}
        for comparison, p in zip(judged.comparisons, corrected, strict=True)
    ] or [claim]


def _fields(comparison: Comparison, level: float) -> dict[str, Any]:
    """The numbers of one comparison; ``seeds_needed`` are at the effect and spread seen, for it alone."""
    paper = comparison.paper_tried or (None, None)
    return {
        "column": comparison.column,
        "ours": comparison.ours,
        "others": comparison.others,
        "toward": comparison.toward,
        "printed": comparison.printed,
        "n": comparison.n,
        "p_alone": comparison.p,
        "p_sentences": for_sentences(comparison).p,
        "tried_ours": comparison.tried[0],
        "tried_others": comparison.tried[1],
        "paper_tried_ours": paper[0],
        "paper_tried_others": paper[1],
        "seeds_needed": comparison.needed(level) if comparison.n > 1 else None,
    }
