"""Associations of two quantities, by ranks: no scale is assumed, and one outlier is not enough.

Over the cells of a table, arms are fixed and seeds are drawn: each seed has a correlation over the arms, and
Student's test is over the seeds, as for every other claim. Over runs, the seeds of an arm are its only units, so
the correlation over them is tested by permutation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmark.report import lost
from benchmark.report.arms import Arm, BySeed
from benchmark.report.comparisons import Compared
from benchmark.report.facts import runs_behind
from benchmark.report.numbers import ranks
from benchmark.report.numbers.frame import Rule
from benchmark.report.numbers.statistics import estimate, paired
from benchmark.report.paired_tests import Comparison, of_sum
from benchmark.report.sums import Sum, Term


def association(compared: Compared, claim: dict[str, Any]) -> list[Comparison]:
    """One comparison per column over all arms, or per arm and column over its runs."""
    stated = claim["association"]
    sign = 1.0 if stated["direction"] == "rises" else -1.0
    arms, places = compared.matching(claim["runs"]), compared.places(claim)
    made: list[tuple[Comparison, list[Term]]]
    if stated["over"] == "cells":
        made = [
            (_over_cells(compared, claim, terms, column, sign), terms)
            for column, rule, _ in places
            if (terms := _distinct(arms, rule))
        ]
    else:
        made = [
            (_over_runs(compared, claim, arm, column, rule, sign), [(1.0, arm, rule)])
            for arm in arms
            for column, rule, _ in places
        ]
    return [
        replace(
            lost.counted(comparison, compared.weighted_runs(claim, terms), claim["of"]),
            runs=runs_behind(compared.with_bases(claim, terms)),
        )
        for comparison, terms in made
    ]


def _distinct(arms: Sequence[Arm], rule: Rule) -> list[Term]:
    """The arms of a correlation, without those that show the runs of another."""
    terms: list[Term] = [(1.0, arm, rule) for arm in arms]
    return list({runs_behind([term]): term for term in reversed(terms)}.values())[::-1]


def _over_cells(
    compared: Compared, claim: dict[str, Any], terms: Sequence[Term], column: str, sign: float
) -> Comparison:
    both = [_both(compared, claim, arm, rule) for _, arm, rule in terms]
    seeds = sorted({seed for of_arm in both for side in of_arm for seed in side})
    correlations = []
    for seed in seeds:
        values = [(mine[seed], theirs[seed]) for mine, theirs in both if seed in mine and seed in theirs]
        if len(values) >= ranks.FEWEST:
            correlations.append(ranks.spearman(*np.array(values).T))
    known = np.array([value for value in correlations if not np.isnan(value)])
    names = (f"{len(terms)} arms", f"with {claim['association']['to']}")
    return of_sum(Sum(estimate(known, 1.0)), column, names, sign)


def _over_runs(
    compared: Compared, claim: dict[str, Any], arm: Arm, column: str, rule: Rule, sign: float
) -> Comparison:
    mine, theirs = paired(*_both(compared, claim, arm, rule))
    correlation, p = ranks.permutation_test(mine, theirs)
    return Comparison(
        column,
        arm.name,
        f"with {claim['association']['to']}",
        sign * correlation,
        len(mine),
        p,
        lambda level: ranks.seeds_to_find(correlation, level),
        effect=correlation,
        test="permuted ranks",
    )


def _both(compared: Compared, claim: dict[str, Any], arm: Arm, rule: Rule) -> tuple[BySeed, BySeed]:
    """Both quantities of an arm by seed; a gain is of the claim's own quantity alone."""
    stated = claim["association"]
    other = claim | {"of": stated["to"], "depth": stated["depth"], "gain_over": {}, "gain_of": []}
    return compared.values(claim, arm, rule), compared.values(other, arm, rule)
