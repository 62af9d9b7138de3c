"""The papers' own numbers, from `results/published/`."""

from __future__ import annotations

from typing import Any

import yaml

from benchmark.config.compose import ROOT
from benchmark.config.schema import RunConfig
from benchmark.grids.selectors import matches

FOLDER = ROOT / "results" / "published"
AVERAGE = "Avg."
MEANS = {"mean_accuracy_f1": {"accuracy", "f1"}, "mean_pearson_spearman": {"pearson", "spearman"}}
MISMATCH = "mismatch"  # an average that does not follow from its row
VANILLA = "finetune"  # what the files call the empty method list


def load(name: str) -> dict[str, Any]:
    """A published table: ``columns``, ``rows`` (``model``, ``method``, ``values``, …) and ``average``.

    A figure of which no numbers are printed has neither columns nor rows.
    """
    return {"columns": [], "rows": [], **yaml.safe_load((FOLDER / f"{name}.yaml").read_text())}


def row_of(source: dict[str, Any], table: dict[str, Any], config: RunConfig) -> dict[str, Any] | None:
    """The printed row that shows the runs of ``config``, by what the sweep file's ``table`` says of rows."""
    model = table["published_models"].get(config.model.name)
    methods = "+".join(sorted(config.method))
    wanted = {"method": table["published_methods"].get(methods, methods) or VANILLA}
    if table["published_rows"]:
        rows = (row["row"] for row in table["published_rows"] if matches(row["cells"], config))
        wanted = next(rows, {})
    if model is None or not wanted:
        return None
    wanted = wanted | {"model": model}
    return next((row for row in source["rows"] if all(row.get(k) == v for k, v in wanted.items())), None)


def rule_of(source: dict[str, Any]) -> Any:
    """How a publication averages its columns (see ``Rule``), or None where it prints no such average."""
    average = source.get("average")
    return average.get("mean_of") if isinstance(average, dict) else None


def measures(source: dict[str, Any], column: str, metrics: list[str]) -> bool:
    """Whether a printed column is the mean of the same metrics as ours."""
    printed = next((one["metric"] for one in source["columns"] if one["key"] == column), "")
    return MEANS.get(printed, {printed}) == {name.rpartition("/")[2] for name in metrics}


def tasks_of(rule: Any) -> set[str]:
    """The tasks an averaging rule is taken over."""
    return {rule} if isinstance(rule, str) else set().union(*map(tasks_of, rule))
