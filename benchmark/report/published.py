"""The papers' own numbers, from `results/published/`."""

from __future__ import annotations

from typing import Any

import yaml

from benchmark.config import ROOT

FOLDER = ROOT / "results" / "published"
VANILLA = "finetune"  # what the files call the empty method list


def load(name: str) -> dict[str, Any]:
    """A published table: ``columns``, ``rows`` (``model``, ``method``, ``values``, …) and ``average``."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


def value(table: dict[str, Any], model: str | None, methods: str, task: str) -> float | None:
    """The printed number of a model, a method ('' is plain fine-tuning) and a task, if there is one."""
    for row in table["rows"]:
        if row["model"] == model and row["method"] == (methods or VANILLA):
            return row["values"].get(task)
    return None
