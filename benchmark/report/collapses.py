"""Claims whose verdict might come from collapsed runs alone, which is not allowed.

A collapsed model, which gives one answer to everything, has a low score. But it has the smallest gap between
training and evaluation, its loss may be lower than that of a model that is sure and wrong, and probes may
measure smaller values.
"""

from __future__ import annotations

from typing import Any

from benchmark.config.units import LOWER_IS_BETTER, PROBE, RATES
from benchmark.report.comparisons import Compared
from benchmark.report.words import CONTRADICTED, REPRODUCED

OF_SCORES = ("score", "median")  # quantities that a collapse lowers, and that describe all runs together
MARGINS = (
    "equivalent",
    "not_worse",
    "size",
)  # two arms that learnt nothing are equal, but not because they learn alike


def decide(compared: Compared, claim: dict[str, Any], kind: str) -> bool:
    """True if the claim may have another verdict among runs that did not collapse."""
    return claim["of"] in OF_SCORES or _praised(compared, claim, kind)


def borne_out_by_others(compared: Compared, claim: dict[str, Any], kind: str) -> tuple[str, ...]:
    """The verdicts that must also hold among the runs that did not collapse."""
    if _praised(compared, claim, kind):
        return REPRODUCED, CONTRADICTED
    return (REPRODUCED,) if kind in MARGINS else ()


def _praised(compared: Compared, claim: dict[str, Any], kind: str) -> bool:
    """True for a quantity that may look better for a model that has learnt nothing."""
    of = claim["of"]
    if kind == "association" or of in RATES:
        return False
    return of == "loss" or of.startswith(PROBE) or (of not in LOWER_IS_BETTER and compared.has_gaps(claim))
