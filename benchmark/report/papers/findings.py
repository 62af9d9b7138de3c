"""All findings about a published table: computed from its numbers, or read from `sentences.yaml`."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from benchmark.report.papers import counted, repeats
from benchmark.report.papers.base import Finding
from benchmark.report.published import FOLDER, load

CHECKS = (
    repeats.averages,
    counted.impossible_means,
    counted.impossible_deviations,
    repeats.copied,
    repeats.two_values,
    repeats.gaps,
)


@cache
def findings(name: str) -> tuple[Finding, ...]:
    """Everything that the checks find in the published table of this name."""
    source = load(name)
    if source.get("statistic") == "p-value":
        return tuple(repeats.p_values(source))
    return tuple(finding for check in CHECKS if source["columns"] for finding in check(source))


def sentences(name: str) -> list[dict[str, Any]]:
    """Sentences that the paper's tables contradict: ``place``, ``sentence`` and the tables' own statement.

    ``name`` is that of a paper, or of the published table below which they are shown.
    """
    paper = name.partition("/")[0]
    return [entry for entry in _of_papers().get(paper, []) if name in (paper, *entry["tables"])]


@cache
def _of_papers() -> dict[str, list[dict[str, Any]]]:
    by_paper = yaml.safe_load((FOLDER / "sentences.yaml").read_text())
    assert isinstance(by_paper, dict)
    return by_paper
