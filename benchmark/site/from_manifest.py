"""Rows of the ledger and costs of runs, from the JSON of a site's manifest."""

from __future__ import annotations

from typing import Any

from benchmark.report.ledger import LedgerRow
from benchmark.runs.throughput import RunCost, Work


def ledger_row(stored: dict[str, Any]) -> LedgerRow:
    """A row of the ledger from its JSON, which has lists in place of tuples."""
    awaited = tuple(
        (Work(**work | {"workload": _frozen(work["workload"])}), number) for work, number in stored["awaited"]
    )
    return LedgerRow(**stored | {"awaited": awaited})


def cost_from(stored: dict[str, Any] | None) -> RunCost | None:
    """The cost of a run from its JSON."""
    return None if stored is None else RunCost(**stored | {"workload": _frozen(stored["workload"])})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
