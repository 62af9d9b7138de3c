"""Claims within a margin: two arms alike, one not worse than the other, a gain as large as printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from benchmark.config.units import LOWER_IS_BETTER
from benchmark.report.arms import Arm
from benchmark.report.comparisons import Compared
from benchmark.report.kinds.axis_groups import above_zero, groups, ranked, with_failures
from benchmark.report.numbers import equivalence, swaps
from benchmark.report.numbers.conjunctions import one_sided
from benchmark.report.numbers.frame import Rule
from benchmark.report.numbers.noncentral import seeds_for
from benchmark.report.numbers.statistics import MANY, Estimate
from benchmark.report.paired_tests import Comparison, test_of
from benchmark.report.sums import OF_MACHINES, Term

HALF = 0.5  # turns a p-value for a test at 5 % into one for a test at 2.5 %, like half of a two-sided p-value
Difference = tuple[str, str, str, list[Term]]  # a column, the names of both sides, and the weighted sum


def equivalent(compared: Compared, claim: dict[str, Any]) -> list[Comparison]:
    """Two one-sided tests per pair of arms and column; for the arms of an axis, over all their pairs."""
    stated = claim["equivalent"]
    if not stated["over"]:
        return [_within(compared, claim, sides, stated) for sides in _differences(compared, claim)]
    return [
        _alike(compared, claim, group, column, rule)
        for group in groups(compared, claim, stated["over"])
        if len(group) > 1
        for column, rule, _ in compared.places(claim)
    ]


def size(compared: Compared, claim: dict[str, Any]) -> list[Comparison]:
    """Two one-sided tests around the printed number, per pair of arms and column."""
    return [_within(compared, claim, sides, claim["size"]) for sides in _differences(compared, claim)]


def not_worse(compared: Compared, claim: dict[str, Any]) -> list[Comparison]:
    """One one-sided test per pair of arms and column; for a loss, a time, memory or a gap, less is better."""
    made, stated = [], claim["not_worse"]
    logs, margin = _margin(stated)
    for column, ours, others, terms in _differences(compared, claim):
        less = bool(terms[0][1].frame["lower"].any()) or claim["of"] in LOWER_IS_BETTER
        sign = -1.0 if less else 1.0
        signed = [(sign * weight, arm, rule) for weight, arm, rule in terms]
        apart = compared.summed(claim, signed, logs=logs)
        better, worse = equivalence.not_worse(apart.estimate, margin)
        mean = compared.summed(claim, terms, logs=logs).estimate
        comparison = Comparison(
            column,
            ours,
            others,
            apart.estimate.mean + margin,
            mean.n,
            float(np.minimum(1, 2 * np.minimum(better, worse))),
            _needed(apart.estimate, apart.estimate.mean + margin),
            claimed_p=better,
            note=_goal(stated, apart.note),
            pairs=apart.pairs,
            **_shown(mean, logs),
        )
        made.append(
            with_failures(
                compared, claim, comparison, terms, lambda values: above_zero(values + margin), logs
            )
        )
    return made


def _differences(compared: Compared, claim: dict[str, Any]) -> Iterator[Difference]:
    """The differences that a claim is about: of two arms, or of an arm and the arm over which it gains."""
    if claim["than"]:
        for ours, others in compared.pairs(claim, "runs"):
            for column, mine, theirs in compared.places(claim):
                yield column, ours.name, others.name, [(1.0, ours, mine), (-1.0, others, theirs)]
        return
    for arm in compared.matching(claim["runs"]):
        bases = compared.bases(claim, arm)
        if arm not in bases:
            for column, rule, _ in compared.places(claim):
                yield column, arm.name, bases[0].name if bases else "", [(1.0, arm, rule)]


def _within(
    compared: Compared, claim: dict[str, Any], sides: Difference, stated: Mapping[str, Any]
) -> Comparison:
    """The tests that a difference is near the printed number, or 0."""
    column, ours, others, terms = sides
    logs, margin = _margin(stated)
    printed = float(stated.get("printed", 1.0 if logs else 0.0))
    centre = float(np.log(printed)) if logs else printed
    apart = compared.summed(claim, terms, logs=logs)
    beside = _less(apart.estimate, centre)
    comparison = Comparison(
        column,
        ours,
        others,
        margin - abs(beside.mean),
        beside.n,
        equivalence.outside(beside, margin),
        _needed_within(beside, margin),
        claimed_p=HALF * equivalence.within(beside, margin),
        note=_goal(stated, apart.note),
        pairs=apart.pairs,
        **_shown(apart.estimate, logs),
    )

    def of_planned(values: np.ndarray) -> tuple[float, float]:
        off = values - centre
        inside = HALF * float(np.maximum(ranked(off + margin), ranked(margin - off)))
        return inside, float(np.minimum(ranked(off - margin), ranked(-margin - off)))

    return _evenly(with_failures(compared, claim, comparison, terms, of_planned, logs), claim["of"])


def _evenly(comparison: Comparison, of: str) -> Comparison:
    """A comparison in which no side looks more alike by losing runs or by trying more settings.

    A lost run is neither quicker nor smaller than the others.
    """
    unequal = np.isnan(comparison.claimed_all_p) and comparison.lost[0] != comparison.lost[1]
    unequal &= of not in OF_MACHINES
    claimed = np.nan if unequal else comparison.claimed_p
    return replace(comparison, claimed_p=claimed, favours=abs(comparison.favours))


def _alike(
    compared: Compared, claim: dict[str, Any], group: list[Arm], column: str, rule: Rule
) -> Comparison:
    """All pairs of arms in one comparison, which shows the pair with the largest difference."""
    pairs = [
        _within(
            compared,
            claim,
            (column, first.name, second.name, [(1.0, first, rule), (-1.0, second, rule)]),
            claim["equivalent"],
        )
        for first, second in combinations(group, 2)
    ]
    inside, apart = equivalence.alike([(pair.one_sided, pair.p) for pair in pairs])
    furthest = min(pairs, key=lambda pair: pair.toward if pair.n else -np.inf)
    note = f"largest of {len(pairs)} differences; {furthest.note}"
    return replace(
        furthest,
        p=apart,
        claimed_p=inside,
        claimed_all_p=inside,
        contrary_all_p=len(pairs) * float(np.fmin.reduce([_contrary(pair) for pair in pairs])),
        needed=lambda level: max(pair.needed(level) for pair in pairs),
        lost=(max(max(pair.lost) for pair in pairs), 0),
        runs=(frozenset().union(*(ids for pair in pairs for ids in pair.runs)), frozenset()),
        waiting=sum(pair.waiting for pair in pairs),
        note=note,
    )


def _contrary(pair: Comparison) -> float:
    """One-sided p-value of all planned seeds that a pair is apart; NaN without a floor."""
    return pair.contrary_all_p if any(pair.lost) else one_sided(-pair.toward, pair.p)


def _margin(stated: Mapping[str, Any]) -> tuple[bool, float]:
    """True for a claim about a ratio, and its margin, which is then a logarithm."""
    ratio = stated["ratio"] is not None
    return ratio, float(np.log(stated["ratio"])) if ratio else float(stated["margin"])


def _less(estimate: Estimate, number: float) -> Estimate:
    return replace(
        estimate,
        mean=estimate.mean - number,
        low=estimate.low - number,
        high=estimate.high - number,
        size=max(estimate.size, abs(number)),
    )


def _shown(estimate: Estimate, logs: bool) -> dict[str, Any]:
    """The fields of a comparison that show an estimate or a ratio."""
    ends = {"effect": estimate.mean, "low": estimate.low, "high": estimate.high}
    shown: dict[str, Any] = {k: float(np.exp(end) if logs else end) for k, end in ends.items()}
    return shown | {"test": test_of(estimate)}


def _goal(stated: Mapping[str, Any], note: str = "") -> str:
    """The margin of a claim in words, with a further note on its runs."""
    margin = f"a ratio of {stated['ratio']:g}" if stated["ratio"] else f"{stated['margin']:g}"
    around = f" around {stated['printed']:g}" if "printed" in stated else ""
    return f"the margin is {margin}{around}" + (f"; {note}" if note else "")


def _needed(estimate: Estimate, beyond: float) -> Callable[[float], int]:
    """Seeds that show an effect as far beyond a bound as the observed one."""
    if not estimate.varies:
        return swaps.fewest_seeds
    return lambda level: seeds_for(abs(beyond) / estimate.largest_std, level) if beyond else MANY


def _needed_within(estimate: Estimate, margin: float) -> Callable[[float], int]:
    """Seeds that show that the observed effect lies within a margin, or outside."""
    room = margin - abs(estimate.mean)
    if not estimate.varies or room <= 0:
        return _needed(estimate, room)
    fewest = equivalence.seeds_within(estimate.largest_std, margin)
    return lambda level: max(fewest, seeds_for(room / estimate.largest_std, 2 * level))
