"""Further averages of a table: over groups of its columns, or by a second rule."""

from __future__ import annotations

from typing import Any

import pandas as pd

from benchmark.report import published
from benchmark.report.numbers.frame import Rule, average
from benchmark.report.numbers.measured import measured
from benchmark.report.published import AVERAGE

PrintedRows = dict[tuple[str, str, str], dict[str, Any] | None]  # by model, variant and methods


def averages(frame: pd.DataFrame, rules: dict[str, Rule], rows: PrintedRows) -> pd.DataFrame:
    """Numbers of every rule whose columns are all present, as `measured` gives them.

    ``task`` is the name of the rule. ``published`` is the average of the printed columns by the same rule.
    """
    known = set(frame["task"])
    numbers = [
        measured(frame, [AVERAGE], rule).assign(
            task=name,
            published=lambda of_rule, rule=rule: [_printed(rows, row, rule) for row in of_rule.itertuples()],
        )
        for name, rule in rules.items()
        if published.tasks_of(rule) <= known
    ]
    return pd.concat(numbers, ignore_index=True) if numbers else pd.DataFrame()


def _printed(rows: PrintedRows, cell: Any, rule: Rule) -> float | None:
    printed = rows.get((cell.model, cell.variant, cell.methods))
    return average(printed["values"], rule) if printed else None
