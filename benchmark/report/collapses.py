"""Claims that runs which collapsed may decide: what they must not praise, or blame, alone.

A model that gives one answer to everything has a low score. But its gap between training and evaluation is the
smallest of all, its loss may be less than that of a model that is sure and wrong, and what a probe measures may be
smaller as well.
"""

from __future__ import annotations

from typing import Any

from benchmark.config.units import LOWER_IS_BETTER, PROBE, RATES
from benchmark.report.comparisons import Compared
from benchmark.report.words import CONTRADICTED, REPRODUCED

OF_SCORES = ("score", "median")  # quantities that a collapse lowers, and that speak of runs as a whole
MARGINS = (
    "equivalent",
    "not_worse",
    "size",
)  # two arms that have learnt nothing are not alike in what they learn


def decide(compared: Compared, claim: dict[str, Any], kind: str) -> bool:
    """True if the claim is another one among runs that did not collapse."""
    return claim["of"] in OF_SCORES or _praised(compared, claim, kind)


def borne_out_by_others(compared: Compared, claim: dict[str, Any], kind: str) -> tuple[str, ...]:
    """The words that need the runs that did not collapse to say so as well."""
    if _praised(compared, claim, kind):
        return REPRODUCED, CONTRADICTED
    return (REPRODUCED,) if kind in MARGINS else ()


def _praised(compared: Compared, claim: dict[str, Any], kind: str) -> bool:
    """True for a quantity that may be better of a model that has learnt nothing."""
    of = claim["of"]
    if kind == "association" or of in RATES:
        return False
    return of == "loss" or of.startswith(PROBE) or (of not in LOWER_IS_BETTER and compared.has_gaps(claim))
