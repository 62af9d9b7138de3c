"""Checks of claims within a margin, and of printed sizes and p-values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from benchmark.config.table import EVERY_COLUMN
from benchmark.config.units import LOWER_IS_BETTER, PROBE, unit
from benchmark.errors import BenchmarkError, unknown
from benchmark.grids.claim_axes import check_axis, check_claimed
from benchmark.grids.selectors import Rectangle


def check_margin(
    kind: str, claim: Mapping[str, Any], table: Mapping[str, Any], grid: Sequence[Rectangle], place: str
) -> None:
    """Refuse a margin that is missing, given twice, or without two sides. Raises: BenchmarkError."""
    stated = claim[kind]
    margin, ratio = stated["margin"], stated["ratio"]
    if (margin is None) == (ratio is None):
        raise BenchmarkError(
            f"{place}: {kind} needs the largest difference that does not matter; give either margin (in "
            f"{claim['unit'] or unit(claim['of'])}) or ratio (such as 1.05)"
        )
    if margin is not None and not 0 < margin < float("inf") and not (kind == "not_worse" and margin == 0):
        raise BenchmarkError(f"{place}: margin: {margin:g}; valid: a number above 0")
    if ratio is not None:
        _check_ratio(kind, claim, place)
    if not isfinite(stated.get("printed", 0)):
        raise BenchmarkError(f"{place}: printed: {stated['printed']:g}; valid: a number")
    if over := stated.get("over"):
        if kind == "not_worse" or claim["than"]:
            raise BenchmarkError(f"{place}: give either over: {over} or `than`; only equivalent has over")
        check_axis(over, table, grid, place)
        check_claimed(claim, over, grid, place)
        if over == "task":
            raise BenchmarkError(f"{place}: tasks are not alike; valid for over: axes of one task's runs")
    elif kind == "equivalent" and not (claim["than"] or claim["gain_over"] or claim["gain_of"]):
        raise BenchmarkError(
            f"{place}: equivalent to what? Give `than`, or a gain (gain_over), or the axis of the runs that are "
            f"alike, over"
        )
    if kind == "not_worse" and claim["of"].startswith(PROBE):
        raise BenchmarkError(
            f"{place}: {claim['of']} has no better side; valid for not_worse: score, {', '.join(LOWER_IS_BETTER)}"
        )


def check_p_value(claim: Mapping[str, Any], columns: Sequence[str], place: str) -> None:
    """Refuse printed p-values of columns that a table does not have. Raises: BenchmarkError."""
    printed, seeds = claim["p_value"]["printed"], claim["p_value"]["seeds"]
    if claim["of"] != "score" or claim["where"] != EVERY_COLUMN:
        raise BenchmarkError(
            f"{place}: a p_value is about the score, column by column; leave out of: and where:"
        )
    if seeds < 2 or not printed:
        raise BenchmarkError(
            f"{place}: p_value needs p-values by column and 2 seeds or more; got {printed}, {seeds}"
        )
    for column, p in printed.items():
        if column not in columns:
            raise unknown("column", column, columns, place)
        if not 0 < p < 1:
            raise BenchmarkError(f"{place}: {column}: {p:g}; valid: a p-value, between 0 and 1")


def _check_ratio(kind: str, claim: Mapping[str, Any], place: str) -> None:
    stated = claim[kind]
    if not 1 < stated["ratio"] < float("inf"):
        raise BenchmarkError(f"{place}: ratio: {stated['ratio']:g}; valid: a number above 1, such as 1.05")
    if claim["gain_over"] or claim["gain_of"]:
        raise BenchmarkError(f"{place}: a gain may be below 0 and has no ratio; give a margin")
    if not (claim["than"] or stated.get("over")):
        raise BenchmarkError(f"{place}: a ratio has two sides; give `than`")
    if kind == "size" and not stated["printed"] > 0:
        raise BenchmarkError(
            f"{place}: printed: {stated['printed']:g} is not a ratio; valid: a number above 0"
        )
