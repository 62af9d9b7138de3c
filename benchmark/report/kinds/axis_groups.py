"""Groups of arms that differ only on one axis, and their weighted sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmark.report import budgets, lost
from benchmark.report.arms import Arm
from benchmark.report.comparisons import Compared
from benchmark.report.facts import runs_behind
from benchmark.report.numbers import planned, swaps
from benchmark.report.paired_tests import Comparison
from benchmark.report.sums import Term, by_column

LEAST = 0.01  # points
# From all planned values by seed (n,): the p-values as claimed and of the contrary, each like half a
# two-sided one.
OfPlanned = Callable[[np.ndarray], tuple[float, float]]


def groups(compared: Compared, claim: dict[str, Any], axis: str) -> list[list[Arm]]:
    """The claim's arms in groups whose members differ only on ``axis``.

    An arm without the axis, such as plain fine-tuning, is in every group with which it agrees except for its
    method.
    """
    arms = compared.matching(claim["runs"])
    having = [arm for arm in arms if axis in arm.place]
    by_place: dict[Any, list[Arm]] = {}
    for arm in having:
        by_place.setdefault(tuple(sorted((k, v) for k, v in arm.place.items() if k != axis)), []).append(arm)
    for group in by_place.values():
        group += [arm for arm in arms if arm not in having and arm.same(group[0], {axis, "method"})]
    return list(by_place.values())


def group_name(arms: Sequence[Arm], axis: str) -> str:
    """The name that the arms of a group have in common."""
    having = [arm for arm in arms if axis in arm.place] or list(arms)
    others = [set(arm.name.split()) for arm in having]
    return " ".join(word for word in having[0].name.split() if all(word in names for names in others))


def with_failures(
    compared: Compared,
    claim: dict[str, Any],
    comparison: Comparison,
    terms: Sequence[Term],
    of_planned: OfPlanned,
    logs: bool = False,
) -> Comparison:
    """``comparison`` with its runs, those that failed, settings tried, and all planned seeds.

    Runs of positive weight are on the claimed side. ``of_planned`` tests the values with failures at the floor.
    """
    rows = compared.weighted_runs(claim, terms)
    known = replace(comparison, runs=runs_behind(compared.with_bases(claim, terms)))
    counted = budgets.counted(lost.counted(known, rows, claim["of"]), rows, claim["of"])
    if claim["of"] != "score" or not lost.have_floors(rows):
        return counted
    as_claimed, contrary = of_planned(by_seed(compared, claim, terms, logs))
    return replace(counted, claimed_all_p=as_claimed, contrary_all_p=contrary)


def by_seed(compared: Compared, claim: dict[str, Any], terms: Sequence[Term], logs: bool) -> np.ndarray:
    """The weighted sum (n,) of every complete seed, failures at the floor.

    With ``logs``, logarithms are summed; a floor of 0 has no logarithm, and counts as a hundredth of a point.
    """
    sides = [
        (weight, compared.values(claim, arm, column, planned.floored))
        for column, arms in by_column(terms).items()
        for weight, arm in arms
    ]
    seeds = sorted(set.intersection(*(set(values) for _, values in sides))) if sides else []
    scale = (lambda value: np.log(max(value, LEAST))) if logs else float
    return np.array([sum(weight * scale(values[seed]) for weight, values in sides) for seed in seeds])


def above_zero(values: np.ndarray) -> tuple[float, float]:
    """One-sided p-values by signed ranks that values (n,) are above 0, and below."""
    return ranked(values), ranked(-values)


def ranked(values: np.ndarray) -> float:
    """One-sided p-value by signed ranks that values (n,) are above 0."""
    apart, p = swaps.ranked_signs(values)
    return p / 2 if apart > 0 else 1 - p / 2
