"""The papers' own numbers, from `results/published/`."""

from __future__ import annotations

from typing import Any

import yaml

from benchmark.config import ROOT

FOLDER = ROOT / "results" / "published"
AVERAGE = "Avg."
VANILLA = "finetune"  # what the files call the empty method list


def load(name: str) -> dict[str, Any]:
    """A published table: ``columns``, ``rows`` (``model``, ``method``, ``values``, …) and ``average``."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


def value(table: dict[str, Any], model: str | None, methods: str, column: str) -> float | None:
    """The printed number of a model, a method ('' is plain fine-tuning) and a column, if there is one.

    ``column`` is a task, or ``AVERAGE`` for the printed average.
    """
    for row in table["rows"]:
        if row["model"] == model and row["method"] == (methods or VANILLA):
            return row.get("average_printed") if column == AVERAGE else row["values"].get(column)
    return None


def tasks_of(rule: Any) -> set[str]:
    """The tasks an averaging rule is taken over."""
    return {rule} if isinstance(rule, str) else set().union(*map(tasks_of, rule))
