"""Ledger rows and costs of runs as JSON of a manifest, and back."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from benchmark.config.stored import typed_again
from benchmark.forecast.throughput import RunCost
from benchmark.forecast.work import work_of
from benchmark.report.ledger import LedgerRow
from benchmark.runs.result import portable


def stored_row(row: LedgerRow) -> dict[str, Any]:
    """A row of the ledger for the manifest, without folders of this machine."""
    awaited = [(portable(work.config), number) for work, number in row.awaited]
    return asdict(replace(row, awaited=())) | {"awaited": awaited}


def ledger_row(stored: dict[str, Any]) -> LedgerRow:
    """A row of the ledger from the manifest."""
    awaited = tuple((work_of(typed_again(config)), number) for config, number in stored["awaited"])
    return LedgerRow(**stored | {"awaited": awaited})


def cost_from(stored: dict[str, Any] | None) -> RunCost | None:
    """The cost of a run from its JSON."""
    return None if stored is None else RunCost(**stored | {"workload": _frozen(stored["workload"])})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
