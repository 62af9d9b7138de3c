"""Further averages that a table declares: over groups of its columns, or by another rule than the paper's."""

from __future__ import annotations

from typing import Any

import pandas as pd

from benchmark.report import published
from benchmark.report.numbers.frame import Rule, average
from benchmark.report.numbers.measured import measured
from benchmark.report.published import AVERAGE

PrintedRows = dict[tuple[str, str, str], dict[str, Any] | None]  # by model, variant and methods


def averages(frame: pd.DataFrame, rules: dict[str, Rule], rows: PrintedRows) -> pd.DataFrame:
    """`measured.measured` of every rule whose columns are all there, its name as ``task``.

    ``published`` is what the printed columns of the same runs give by the same rule.
    """
    known = set(frame["task"])
    found = [
        measured(frame, [AVERAGE], rule).assign(
            task=name,
            published=lambda numbers, rule=rule: [_printed(rows, row, rule) for row in numbers.itertuples()],
        )
        for name, rule in rules.items()
        if published.tasks_of(rule) <= known
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _printed(rows: PrintedRows, at: Any, rule: Rule) -> float | None:
    row = rows.get((at.model, at.variant, at.methods))
    return average(row["values"], rule) if row else None
