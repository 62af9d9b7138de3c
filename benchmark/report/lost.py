"""Counts of the runs behind a comparison that failed, collapsed or were not made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from benchmark.report.numbers import planned
from benchmark.report.paired_tests import Comparison

Weighted = Sequence[
    tuple[float, pd.DataFrame]
]  # runs as `Compared.runs` gives them, by their weight in a sum


def counted(comparison: Comparison, weighted: Weighted, of: str) -> Comparison:
    """``comparison`` with its counts; runs of a positive weight are on the claimed side.

    A collapsed run is lost to a claim about spread.
    """
    statuses = planned.LOST if of != "std" else (*planned.LOST, "collapsed")
    every = pd.concat([runs for _, runs in weighted])
    return replace(
        comparison,
        lost=(_number(weighted, statuses, 1.0), _number(weighted, statuses, -1.0)),
        waiting=every[every["status"] == "missing"]["run_id"].nunique(),
        collapsed=every[every["status"] == "collapsed"]["run_id"].nunique(),
    )


def have_floors(weighted: Weighted) -> bool:
    """True if runs were lost, and all of those have the score of a model that has learnt nothing."""
    floors = pd.concat([runs[runs["status"].isin(planned.LOST)]["floor"] for _, runs in weighted])
    return bool(len(floors)) and not bool(floors.isna().any())


def _number(weighted: Weighted, statuses: Sequence[str], sign: float) -> int:
    return len(
        {
            run
            for weight, runs in weighted
            if weight * sign > 0
            for run in runs[runs["status"].isin(statuses)]["run_id"]
        }
    )
