"""Runs behind a comparison that failed, collapsed or were not made: their counts and rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from benchmark.report.numbers import planned
from benchmark.report.numbers.rates import paired_rates
from benchmark.report.paired_tests import Comparison

# Runs as `Compared.runs` gives them, by their weight in a sum.
Weighted = Sequence[tuple[float, pd.DataFrame]]


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
    """True if runs were lost, and a floor is known for all."""
    floors = pd.concat([runs[runs["status"].isin(planned.LOST)]["floor"] for _, runs in weighted])
    return bool(len(floors)) and not bool(floors.isna().any())


def rates(
    of: str, column: str, names: tuple[str, str], rows: tuple[pd.DataFrame, pd.DataFrame], sign: float
) -> Comparison:
    """Two arms' rates of failed or collapsed runs, over pairs that were made."""
    statuses = planned.LOST if of == "failed" else ("collapsed",)
    ends = [runs.set_index(["task", "seed"])["status"] for runs in rows]
    made = [set(end[end != "missing"].index) for end in ends]
    mine, theirs = (end[end.isin(statuses)].index for end in ends)
    rate = paired_rates(mine, theirs, made[0] & made[1])
    return Comparison(
        column,
        *names,
        sign * rate.difference,
        rate.n,
        rate.p,
        rate.needed,
        waiting=sum(int((end == "missing").sum()) for end in ends),
        effect=rate.difference,
        test="McNemar",
    )


def _number(weighted: Weighted, statuses: Sequence[str], sign: float) -> int:
    return len(
        {
            run
            for weight, runs in weighted
            if weight * sign > 0
            for run in runs[runs["status"].isin(statuses)]["run_id"]
        }
    )
