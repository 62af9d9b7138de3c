"""Runs behind a comparison that failed, collapsed or were not made: their counts and rates."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from benchmark.report.arms import Rows
from benchmark.report.numbers import planned
from benchmark.report.numbers.conjunctions import one_sided
from benchmark.report.numbers.rates import RateDifference, paired_rates
from benchmark.report.paired_tests import Comparison

COLLAPSED = ("collapsed",)
# Runs as `Compared.runs` gives them, by their weight in a sum.
Weighted = Sequence[tuple[float, Rows]]


def counted(comparison: Comparison, weighted: Weighted, of: str) -> Comparison:
    """``comparison`` with its counts; runs of a positive weight are on the claimed side.

    A collapsed run is lost to a claim about spread.
    """
    statuses = planned.LOST if of != "std" else (*planned.LOST, *COLLAPSED)
    every = [frame for weight, frame in weighted if weight]
    return replace(
        comparison,
        lost=ended(weighted, statuses),
        waiting=waiting(every),
        collapsed=_number(every, *COLLAPSED),
    )


def ended(weighted: Weighted, statuses: Sequence[str]) -> tuple[int, int]:
    """The number of runs of positive and of negative weight with such an end.

    Each run counts once per side.
    """
    ours, others = ([frame for weight, frame in weighted if weight * sign > 0] for sign in (1, -1))
    return _number(ours, *statuses), _number(others, *statuses)


def waiting(rows: Sequence[Rows]) -> int:
    """The number of runs that were not made yet, of all searched settings."""
    return len({run for side in rows for awaited in side["awaited"].tolist() for run in awaited})


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
    """Two arms' rates of failed or collapsed runs, over pairs that were made.

    An arm must not seem to collapse less because its runs failed, or the reverse. So pairs with the other bad
    end are left out, and the difference must also hold if both ends count alike.
    """
    ends: list[dict[Hashable, str]] = [
        dict(zip(zip(runs["task"].tolist(), runs["seed"].tolist(), strict=True), runs["status"], strict=True))
        for runs in rows
    ]
    counted, other = bad_ends(of)
    spoilt = {run for end in ends for run, status in end.items() if status in other}
    rate = _rate(ends, counted, spoilt)
    whole = _rate(ends, (*counted, *other), set())
    return Comparison(
        column,
        *names,
        sign * rate.difference,
        rate.n,
        rate.p,
        rate.needed,
        lost=(_ended(ends[0], other), _ended(ends[1], other)),
        waiting=waiting(rows),
        effect=rate.difference,
        test="McNemar",
        claimed_all_p=one_sided(sign * whole.difference, whole.p),
        contrary_all_p=one_sided(-sign * whole.difference, whole.p),
    )


def bad_ends(of: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ends of runs that a rate counts, and other ends that are equally bad."""
    return (planned.LOST, COLLAPSED) if of == "failed" else (COLLAPSED, planned.LOST)


def _rate(
    ends: Sequence[dict[Hashable, str]], counted: Sequence[str], left_out: set[Hashable]
) -> RateDifference:
    """The difference in ``counted`` ends between two arms."""
    made = [{run for run, status in end.items() if status != "missing"} - left_out for end in ends]
    mine, theirs = ({run for run, status in end.items() if status in counted} for end in ends)
    return paired_rates(mine, theirs, made[0] & made[1])


def _ended(ends: dict[Hashable, str], statuses: Sequence[str]) -> int:
    return len([status for status in ends.values() if status in statuses])


def _number(frames: Sequence[Rows], *statuses: str) -> int:
    """The number of runs with such an end, each counted once."""
    runs = {
        run
        for frame in frames
        for run, status in zip(frame["run_id"].tolist(), frame["status"].tolist(), strict=True)
        if status in statuses
    }
    return len(runs)
