"""Kinds of claim: each is a function from a claim and the arms of a table to comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmark.report.comparisons import Compared
from benchmark.report.facts import distinct
from benchmark.report.kinds.associations import association
from benchmark.report.kinds.margins import equivalent, not_worse, size
from benchmark.report.kinds.p_values import p_value
from benchmark.report.kinds.shown import with_units
from benchmark.report.kinds.trends import optimum, trend
from benchmark.report.paired_tests import Comparison

JUDGED: dict[str, Callable[[Compared, dict[str, Any]], list[Comparison]]] = {
    "trend": trend,
    "optimum": optimum,
    "equivalent": equivalent,
    "not_worse": not_worse,
    "size": size,
    "p_value": p_value,
    "association": association,
}


def kind_of(claim: Mapping[str, Any]) -> str:
    """The kind of a claim, by its key: ``better``, ``lower``, ``trend``, …"""
    return next((kind for kind in JUDGED if claim.get(kind)), "better" if claim["better"] else "lower")


def comparisons(compared: Compared, claim: dict[str, Any]) -> list[Comparison]:
    """Every comparison of ``claim`` between arms of the table, with its unit; those of the same runs count once."""
    kind = kind_of(claim)
    made = JUDGED[kind](compared, claim) if kind in JUDGED else compared.of(claim)
    return with_units(distinct(made), claim, kind, compared.grid)
