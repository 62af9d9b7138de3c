"""Units of comparisons, and their effects in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import floor, log10
from typing import Any

import numpy as np

from benchmark.config.units import RATES, unit
from benchmark.grids.grid import Grid
from benchmark.report.paired_tests import Comparison

P_AT = "p at "  # the unit of an effect that is shown as a p-value
LEAST, MOST = 1e-4, 1e4  # magnitudes that are written with decimals
FEW = 2  # comparisons that a verdict shows one by one
NOUNS = {"layer": "layer", "injection": "layer of the noise", "step": "update"}


def with_units(
    comparisons: Sequence[Comparison], claim: Mapping[str, Any], kind: str, grid: Grid
) -> list[Comparison]:
    """``comparisons`` with the unit of their effects."""
    regressions = {
        run.config.task.name
        for run in grid.runs
        if run.config.task.kind == "classification" and not run.config.task.labels
    }
    return [
        replace(comparison, unit=unit_of(claim, kind, comparison.column in regressions))
        for comparison in comparisons
    ]


def unit_of(claim: Mapping[str, Any], kind: str, regression: bool = False) -> str:
    """The unit of a claim's effect; the loss of a ``regression`` is a squared error."""
    stated = claim.get(kind) or {}
    name = claim.get("unit") or unit(claim["of"]) or "its own unit"
    if claim["of"] == "loss" and regression:
        name = "squared error"
    if kind == "association":
        return "rank correlation"
    if kind in ("trend", "optimum") and claim["of"] == "std":
        name = "points of deviation"
    if kind == "p_value":
        return f"{P_AT}{stated['seeds']} seeds"
    if kind == "trend":
        over = NOUNS.get(stated["over"], stated["over"])
        step = "doubling of " if stated["scale"] == "log" else "" if over in NOUNS.values() else "unit of "
        return f"{name} per {step}{over}"
    return "ratio" if kind not in ("better", "lower") and stated.get("ratio") else name


def effects(comparisons: Sequence[Comparison]) -> str:
    """The effects of a few comparisons with their intervals, in words; '' for many, or without units."""
    known = [c for c in comparisons if c.n and c.unit and np.isfinite(c.effect)]
    notes = sorted({comparison.note for comparison in known if comparison.note})
    texts = [in_unit(c.effect, c.low, c.high, c.unit) for c in known] if len(comparisons) <= FEW else []
    made, planned = (sum(comparison.pairs[end] for comparison in comparisons) for end in (0, 1))
    pairs = [f"{made} of {planned} pairs of runs"] if 0 < made < planned else []
    resting = [comparison.rests_on for comparison in comparisons if comparison.rests_on]
    if resting and len(comparisons) > FEW:
        resting = [f"{len(resting)} of {len(comparisons)} rest on one position of the axis each"]
    return "".join(f"; {text}" for text in [*texts, *resting, *(notes if len(notes) == 1 else []), *pairs])


def fields(comparison: Comparison) -> dict[str, Any]:
    """The effect of a comparison for a sheet, in its unit."""
    names = ("effect", "low", "high", "unit", "test")
    note = "; ".join(filter(None, [comparison.rests_on, comparison.note]))
    return {name: getattr(comparison, name) for name in names} | {"note": note}


def in_unit(effect: float, low: float, high: float, unit_name: str) -> str:
    """An effect with its interval, if it has one, in a unit of its own."""
    ends = [low, high] if np.isfinite([low, high]).all() else []
    known = [value + 0.0 for value in (effect, *ends)]  # no minus before a true 0
    if unit_name == unit(RATES[0]):
        texts = [f"{value:+.0%}" for value in known]
    else:
        sign = "" if unit_name == "ratio" or unit_name.startswith(P_AT) else "+"
        texts = [_as_precise(value, max(map(abs, known)), sign) for value in known]
    interval = f" [{texts[1]}, {texts[2]}]" if texts[1:] else ""
    return f"{texts[0]}{interval} {unit_name}"


def _as_precise(value: float, largest: float, sign: str) -> str:
    """``value`` with the decimals that three digits of ``largest`` take; no digit is finer than the interval.

    It keeps its sign if all these digits are 0, as in a table: an interval that reaches below 0 decides nothing.
    """
    if not LEAST < largest < MOST:
        return f"{value:{sign}.3g}"
    return f"{value:{sign}.{max(0, 2 - floor(log10(largest)))}f}"
