"""The papers' own numbers, from `results/published/`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from string import ascii_lowercase
from typing import Any

import yaml

from benchmark.config.schema import RunConfig
from benchmark.grids.selectors import matches
from benchmark.places import ROOT

FOLDER = ROOT / "results" / "published"
AVERAGE = "Avg."
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # about ten times as fast, if PyYAML was built with it
MEANS = {"mean_accuracy_f1": {"accuracy", "f1"}, "mean_pearson_spearman": {"pearson", "spearman"}}


def load(name: str) -> dict[str, Any]:
    """A published table: ``columns``, ``rows`` (``runs``, ``label``, ``values``, …) and ``average``.

    A figure without printed numbers has neither columns nor rows.
    """
    text = (FOLDER / f"{name}.yaml").read_text()
    return {"columns": [], "rows": [], **yaml.load(text, LOADER)}


@cache
def claim_ids() -> dict[str, dict[str, str]]:
    """The ids of all claims of every paper, with their places in it."""
    stated = yaml.load((FOLDER / "claim_ids.yaml").read_text(), LOADER)
    return {paper: ids for paper, ids in stated.items() if isinstance(ids, dict)}


def claim_of(name: str) -> str:
    """The claim to which an id belongs: ``P4`` for ``P4a``, a part of a claim with several tests."""
    return name.rstrip(ascii_lowercase)


def row_of(source: dict[str, Any], config: RunConfig) -> int | None:
    """The number of the printed row that shows the run of ``config``, or None.

    Rows name their ``runs`` by a selector.
    """
    rows = enumerate(source["rows"])
    return next((number for number, row in rows if "runs" in row and matches(row["runs"], config)), None)


def rule_of(source: dict[str, Any]) -> Any:
    """The averaging rule of a publication (see ``Rule``); None without a printed average."""
    average = source.get("average")
    return average.get("mean_of") if isinstance(average, dict) else None


def measures(source: dict[str, Any], column: str, metrics: list[str]) -> bool:
    """True if a printed column is the mean of the same metrics as ours."""
    printed = next((entry["metric"] for entry in source["columns"] if entry["key"] == column), "")
    return MEANS.get(printed, {printed}) == {name.rpartition("/")[2] for name in metrics}


def tried(source: Mapping[str, Any], config: RunConfig) -> int | None:
    """The number of settings that a paper searched for the arm of ``config``; None if it does not say."""
    counts = (entry["settings"] for entry in source.get("tried", ()) if matches(entry["runs"], config))
    return next(counts, None)


def tasks_of(rule: Any) -> set[str]:
    """The tasks that an averaging rule covers."""
    return {rule} if isinstance(rule, str) else set().union(*map(tasks_of, rule))
