"""Runs behind a comparison that failed, collapsed or were not made: their counts and rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmark.report.arms import Rows
from benchmark.report.numbers import planned
from benchmark.report.numbers.rates import paired_rates
from benchmark.report.paired_tests import Comparison

# Runs as `Compared.runs` gives them, by their weight in a sum.
Weighted = Sequence[tuple[float, Rows]]


def counted(comparison: Comparison, weighted: Weighted, of: str) -> Comparison:
    """``comparison`` with its counts; runs of a positive weight are on the claimed side.

    A collapsed run is lost to a claim about spread.
    """
    statuses = planned.LOST if of != "std" else (*planned.LOST, "collapsed")
    sides = [[frame for weight, frame in weighted if weight * sign > 0] for sign in (1, -1)]
    return replace(
        comparison,
        lost=(_number(sides[0], *statuses), _number(sides[1], *statuses)),
        waiting=_number([*sides[0], *sides[1]], "missing"),
        collapsed=_number([*sides[0], *sides[1]], "collapsed"),
    )


def have_floors(weighted: Weighted) -> bool:
    """True if runs were lost, and a floor is known for all."""
    floors = [
        floor
        for _, runs in weighted
        for floor, status in zip(runs["floor"].tolist(), runs["status"].tolist(), strict=True)
        if status in planned.LOST
    ]
    return bool(floors) and not np.isnan(floors).any()


def rates(of: str, column: str, names: tuple[str, str], rows: tuple[Rows, Rows], sign: float) -> Comparison:
    """Two arms' rates of failed or collapsed runs, over pairs that were made."""
    statuses = planned.LOST if of == "failed" else ("collapsed",)
    ends = [
        dict(zip(zip(runs["task"].tolist(), runs["seed"].tolist(), strict=True), runs["status"], strict=True))
        for runs in rows
    ]
    made = [{run for run, status in end.items() if status != "missing"} for end in ends]
    mine, theirs = ({run for run, status in end.items() if status in statuses} for end in ends)
    rate = paired_rates(mine, theirs, made[0] & made[1])
    return Comparison(
        column,
        *names,
        sign * rate.difference,
        rate.n,
        rate.p,
        rate.needed,
        waiting=sum(list(end.values()).count("missing") for end in ends),
        effect=rate.difference,
        test="McNemar",
    )


def _number(frames: Sequence[Rows], *statuses: str) -> int:
    """The number of runs, each counted once, that ended so."""
    runs = {
        run
        for frame in frames
        for run, status in zip(frame["run_id"].tolist(), frame["status"].tolist(), strict=True)
        if status in statuses
    }
    return len(runs)
