"""Contrasts of an axis that rest on one position: without it, they show nothing or the contrary.

A slope or an optimum is about the whole axis, and a single extreme position can decide it alone. The verdict stays
as a claim states it, and the position stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmark.report.arms import Arm
from benchmark.report.kinds.shown import in_unit, unit_of
from benchmark.report.numbers.frame import Rule
from benchmark.report.numbers.statistics import LEVEL
from benchmark.report.paired_tests import Comparison

# Parts of a contrast: an arm, its columns and its place on the axis
Positions = list[tuple[Arm, Rule, float]]
FEWEST = 3  # positions: without one of them, two are left


def with_rest(
    whole: Comparison,
    places: Positions,
    contrast: Callable[[Positions], Comparison | None],
    claim: Mapping[str, Any],
    kind: str,
) -> Comparison:
    """A ``whole`` contrast with the position that decides it alone, if there is one.

    ``contrast`` gives the contrast of some places, None if they have none. Of several such positions, the one
    without which the contrast is furthest from what the whole one says is named.
    """
    positions = list(dict.fromkeys(position for *_, position in places))
    if len(positions) < FEWEST or not whole.p <= LEVEL:
        return whole
    without = {
        left_out: contrast([place for place in places if place[2] != left_out]) for left_out in positions
    }
    sign = float(np.sign(whole.toward))
    changed = {
        left_out: made
        for left_out, made in without.items()
        if made and made.n > 1 and not (sign * made.toward > 0 and made.p <= LEVEL)
    }
    if not changed:
        return whole
    furthest = min(changed, key=lambda left_out: _surely(changed[left_out], sign))
    others = f" (and on {len(changed) - 1} more)" if len(changed) > 1 else ""
    shown = _shown(changed[furthest], unit_of(claim, kind))
    return replace(whole, rests_on=f"rests on {_name(claim[kind], furthest)}{others}, without it {shown}")


def _surely(made: Comparison, sign: float) -> float:
    """How surely a contrast has a ``sign``, from -1 to 1."""
    p = 1.0 if np.isnan(made.p) else made.p
    return float(np.sign(sign * made.toward)) * (1 - p)


def _name(stated: Mapping[str, Any], position: float) -> str:
    """The value of an axis at a position."""
    at = list(stated.get("at") or ())
    value = stated["values"][at.index(position)] if position in at else f"{position:g}"
    return f"{stated['over']}={value}"


def _shown(made: Comparison, unit: str) -> str:
    text = in_unit(made.effect, made.low, made.high, unit).removesuffix(f" {unit}")
    return text if np.isfinite([made.low, made.high]).all() else f"{text} (p = {made.p:.2g})"
