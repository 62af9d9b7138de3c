"""Trends and optima: one contrast of an axis per seed, tested over the seeds.

Means are tested by Student's test. Spreads and rates have no value for a single seed, so the deviations from
each position's median, or the failures, are tested by exchanging positions within seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmark.config.claim_kinds import DATA_SIZE, WITHIN_A_RUN
from benchmark.config.units import RATES
from benchmark.grids.selectors import parsed
from benchmark.report import lost
from benchmark.report.arms import Arm, BySeed
from benchmark.report.comparisons import Compared
from benchmark.report.facts import runs_behind
from benchmark.report.kinds.axis_groups import above_zero, group_name, groups, with_failures
from benchmark.report.kinds.resting import Positions, with_rest
from benchmark.report.numbers import contrasts
from benchmark.report.numbers.conjunctions import one_sided
from benchmark.report.numbers.frame import Rule, average_by_seed
from benchmark.report.numbers.noncentral import seeds_for
from benchmark.report.numbers.orders import deviations, order_test
from benchmark.report.numbers.sampling import weights_of
from benchmark.report.numbers.statistics import estimate
from benchmark.report.numbers.swaps import fewest_seeds
from benchmark.report.paired_tests import Comparison, of_sum
from benchmark.report.sums import Term


def trend(compared: Compared, claim: dict[str, Any]) -> list[Comparison]:
    """One comparison per arm or group of arms, and column: the slope over the axis."""
    stated = claim["trend"]
    sign = 1.0 if stated["direction"] == "rises" else -1.0
    comparisons = []
    for column, places in _positions(compared, claim, stated):
        if stated["over"] in WITHIN_A_RUN:  # the slope is taken within every run
            comparisons.append(_contrast(compared, claim, column, places, np.ones(1), sign))
            continue

        def slope(kept: Positions, column: str = column) -> Comparison | None:
            axis = [position for *_, position in kept]
            if len(set(axis)) < 2:
                return None
            weights = contrasts.slopes(np.eye(len(axis)), axis, stated["scale"])
            return _contrast(compared, claim, column, kept, weights, sign)

        if (whole := slope(places)) is not None:
            comparisons.append(with_rest(whole, places, slope, claim, "trend"))
    return comparisons


def optimum(compared: Compared, claim: dict[str, Any]) -> list[Comparison]:
    """Two comparisons per group of arms and column: against smaller and against larger values."""
    stated = claim["optimum"]
    sign = 1.0 if stated["best"] == "highest" else -1.0
    comparisons = []
    for column, places in _positions(compared, claim, stated):
        if not _complete([position for *_, position in places], stated["values"]):
            continue  # the user left values out, or added some between
        for number, side in enumerate(("smaller", "larger")):

            def apart(kept: Positions, column: str = column, number: int = number) -> Comparison | None:
                axis = [position for *_, position in kept]
                best = [value for value in stated["values"] if value in axis]
                if not best or not _complete(axis, best):
                    return None
                weights = contrasts.optimum(np.eye(len(axis)), axis, best)[number]
                return _contrast(compared, claim, column, kept, weights, sign)

            made = apart(places)
            assert made is not None  # the axis is complete
            made = with_rest(made, places, apart, claim, "optimum")
            comparisons.append(replace(made, others=f"{side} values of {stated['over']}"))
    return comparisons


def _complete(axis: Sequence[float], best: Sequence[float]) -> bool:
    """True if an axis has the best values, smaller and larger values, and no others between the best."""
    between = {value for value in axis if min(best) <= value <= max(best)}
    return between == set(best) and min(axis) < min(best) and max(best) < max(axis)


def _positions(
    compared: Compared, claim: dict[str, Any], stated: Mapping[str, Any]
) -> list[tuple[str, Positions]]:
    """The contrasts of a claim: a column, and the positions of arms in it."""
    over = stated["over"]
    if over in WITHIN_A_RUN:
        return [
            (column, [(arm, rule, 0.0)])
            for arm in compared.matching(claim["runs"])
            for column, rule, _ in compared.places(claim)
        ]
    if over == DATA_SIZE or (over == "task" and not compared.own_columns):
        return _over_columns(compared, claim, stated)
    x_without = compared.x_without(over)
    return [
        (
            column,
            [
                (arm, rule, place)
                for arm in group
                if (place := _position(arm, over, stated, x_without)) is not None
            ],
        )
        for group in groups(compared, claim, over)
        for column, rule, _ in compared.places(claim)
    ]


def _over_columns(
    compared: Compared, claim: dict[str, Any], stated: Mapping[str, Any]
) -> list[tuple[str, Positions]]:
    """The columns of every arm, at their training sizes or stated positions."""
    columns = list(dict.fromkeys(name for _, rule, _ in compared.places(claim) for name in weights_of(rule)))
    places = dict(zip(stated["values"], stated["at"], strict=True))
    made = []
    for arm in compared.matching(claim["runs"]):
        axis: Positions = [
            (arm, column, places.get(column, compared.run_values.examples(arm, column)))
            for column in columns
            if stated["over"] == DATA_SIZE or column in places
        ]
        known = [place for place in axis if not np.isnan(place[2])]
        made.append(("+".join(str(column) for _, column, _ in known), known))
    return made


def _position(arm: Arm, axis: str, stated: Mapping[str, Any], x_without: float | None) -> float | None:
    """The place of an arm on an axis; None if it has none there."""
    value = _value(arm, axis)
    if stated.get("at"):
        wanted = [sorted(named) if axis == "method" else named for named in stated["values"]]
        return float(stated["at"][wanted.index(value)]) if axis in arm.place and value in wanted else None
    if "at" in stated and stated["values"] and (axis not in arm.place or value not in stated["values"]):
        return None
    return x_without if value is None else float(value)


def _value(arm: Arm, axis: str) -> Any:
    """The value of an arm on an axis; None without one."""
    if axis == "method":
        return sorted(arm.config.method)
    return parsed(axis, arm.place[axis]) if axis in arm.place else None


def _contrast(
    compared: Compared,
    claim: dict[str, Any],
    column: str,
    places: Positions,
    weights: np.ndarray,
    sign: float,
) -> Comparison:
    terms: list[Term] = [
        (float(weight), arm, rule) for weight, (arm, rule, _) in zip(weights, places, strict=True) if weight
    ]
    over = (claim.get("trend") or claim["optimum"])["over"]
    names = (group_name([arm for arm, *_ in places], over), f"over {over}")
    if claim["of"] == "std" or claim["of"] in RATES:
        return _of_parts(compared, claim, column, names, terms, sign)
    made = of_sum(compared.summed(claim, terms), column, names, sign)
    signed = [(sign * weight, arm, rule) for weight, arm, rule in terms]
    return with_failures(compared, claim, made, signed, above_zero)


def _of_parts(
    compared: Compared,
    claim: dict[str, Any],
    column: str,
    names: tuple[str, str],
    terms: Sequence[Term],
    sign: float,
) -> Comparison:
    """The contrast of deviations or failures, over the seeds that have all positions."""
    weights = np.array([weight for weight, *_ in terms])
    if claim["of"] in RATES:
        counted, other = lost.bad_ends(claim["of"])
        parts = [_rates(arm, rule, counted, (*other, "missing")) for _, arm, rule in terms]
        every = [_rates(arm, rule, (*counted, *other), ("missing",)) for _, arm, rule in terms]
        whole, whole_p = order_test(_complete_seeds(every), weights)
        rows = compared.weighted_runs(claim, terms)
        return replace(
            _exchanged(column, names, _complete_seeds(parts), weights, sign),
            lost=lost.ended(rows, other),
            waiting=lost.waiting([runs for _, runs in rows]),
            runs=runs_behind(terms),
            claimed_all_p=one_sided(sign * whole, whole_p),
            contrary_all_p=one_sided(-sign * whole, whole_p),
        )
    values = _complete_seeds([compared.values(claim, arm, rule) for _, arm, rule in terms])
    apart = deviations(values) if len(values) else values
    made = _exchanged(column, names, apart, weights, sign)
    stabler = [
        (-sign * weight, arm, rule) for weight, arm, rule in terms
    ]  # a side that lost more runs is not
    return with_failures(compared, claim, made, stabler, above_zero)


def _exchanged(
    column: str, names: tuple[str, str], values: np.ndarray, weights: np.ndarray, sign: float
) -> Comparison:
    """The test of a contrast of values (n, positions)."""
    effect, p = order_test(values, weights)
    apart = estimate(values @ weights)
    size = abs(apart.mean) / apart.largest_std if apart.varies else np.nan
    return Comparison(
        column,
        *names,
        sign * effect,
        len(values),
        p,
        lambda level: max(seeds_for(size, level), fewest_seeds(level)),
        effect=effect,
        test="exchanged positions",
    )


def _complete_seeds(by_position: Sequence[BySeed]) -> np.ndarray:
    """The values (n, positions) of the seeds that have all positions."""
    seeds = sorted(set.intersection(*(set(values) for values in by_position)))
    values = [[of_arm[seed] for of_arm in by_position] for seed in seeds]
    return np.array(values, float).reshape(-1, len(by_position))


def _rates(arm: Arm, rule: Rule, counted: Sequence[str], left_out: Sequence[str]) -> BySeed:
    """The share of an arm's runs with one of these ends, by seed."""
    runs = arm.behind(rule)
    failed = [np.nan if status in left_out else float(status in counted) for status in runs["status"]]
    return average_by_seed({**runs, "score": np.array(failed)}, rule)
