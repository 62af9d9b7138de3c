"""Facts about both sides of a comparison: their runs, settings tried, printed values and sampling errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmark.report import published
from benchmark.report.arms import Arm
from benchmark.report.numbers import sampling
from benchmark.report.numbers.frame import Rule
from benchmark.report.numbers.sampling import Shares
from benchmark.report.paired_tests import Comparison
from benchmark.report.sums import Term

Runs = tuple[frozenset[str], frozenset[str]]  # ids on the claimed side, and on the other


@dataclass(frozen=True)
class Facts:
    """Known facts of a table besides its scores.

    ``shares`` are as `sampling.of_runs` gives them, ``printed`` has the paper's value by cell, and ``source`` is
    the published table.
    """

    shares: Mapping[tuple[str, str], Shares] = field(default_factory=dict)
    printed: Mapping[tuple[Any, ...], float] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)

    def added(
        self,
        comparison: Comparison,
        sides: tuple[Sequence[Term], Sequence[Term]],
        seeds: Mapping[str, set[int]],
        sign: float,
        of_scores: bool,
    ) -> Comparison:
        """``comparison`` with the facts about its ``sides``: each an arm, then the arm over which it gains.

        ``of_scores`` is False for other quantities than mean scores; ``seeds`` are those of both sides, by column.
        """
        every = [*sides[0], *sides[1]]
        tried = (_tried(sides[0]), _tried(sides[1]))
        _, ours, rule = sides[0][0]
        chosen = -1 if ours.behind(rule)["lower"].any() else 1  # a search takes the smallest gap
        comparison = replace(
            comparison,
            runs=runs_behind(every),
            tried=tried,
            favours=int(sign * chosen * np.sign(tried[0] - tried[1])),
            paper_tried=self.paper_tried(sides),
        )
        if not of_scores:
            return comparison
        examples = self.examples(every, seeds)
        printed = sign * sum(term[0] * self.value(term, comparison.column) for term in every)
        return replace(comparison, examples=examples, printed=printed)

    def examples(self, terms: Sequence[Term], seeds: Mapping[str, set[int]]) -> tuple[float, float]:
        """Standard error of a difference over examples, and its degrees of freedom; NaN if unknown."""
        known = []
        for weight, arm, rule in terms:
            shares = self.of_side(arm, rule, seeds)
            if shares is None:
                return np.nan, np.nan
            known.append((weight, shares))
        apart = sampling.weighted(known)
        return sampling.error(apart), sampling.degrees(apart)

    def of_side(self, arm: Arm, rule: Rule, seeds: Mapping[str, set[int]]) -> Shares | None:
        """Contributions of examples to the mean of an arm over ``seeds``, by column; None if unknown."""
        weights = sampling.weights_of(rule)
        key = frozenset((column, frozenset(seeds.get(column, ()))) for column in weights)
        return arm.kept(
            ("shares", repr(rule), key),
            lambda: sampling.of_side(arm.every, weights, self.shares, seeds),
        )

    def value(self, term: Term, column: str) -> float:
        """The printed value of an arm on ``column``, the name of its rule; NaN without one."""
        _, arm, rule = term
        cell = arm.cell
        if (*cell, column) in self.printed:
            return self.printed[*cell, column]
        weights = sampling.weights_of(rule)
        return sum(weight * self.printed.get((*cell, task), np.nan) for task, weight in weights.items())

    def paper_tried(self, sides: tuple[Sequence[Term], Sequence[Term]]) -> tuple[int, int] | None:
        """Settings that the paper tried on both sides; None if it does not say."""
        counts = [published.tried(self.source, terms[0][1].config) for terms in sides]
        return (counts[0], counts[1]) if counts[0] and counts[1] else None


def distinct(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """``comparisons`` without repetitions: two with the same runs and column are the same evidence."""
    kept: dict[Any, Comparison] = {}
    for number, comparison in enumerate(comparisons):
        known = any(comparison.runs)
        kept.setdefault((comparison.column, *comparison.runs) if known else number, comparison)
    return list(kept.values())


def runs_behind(terms: Sequence[Term]) -> Runs:
    """The ids of the runs of positive and of negative weight."""
    ours, others = ([_ids(arm, rule) for weight, arm, rule in terms if weight * sign > 0] for sign in (1, -1))
    return frozenset().union(*ours), frozenset().union(*others)


def _ids(arm: Arm, rule: Rule) -> frozenset[str]:
    return arm.kept(("runs", repr(rule)), lambda: frozenset(arm.behind(rule)["run_id"].tolist()))


def _tried(terms: Sequence[Term]) -> int:
    _, arm, rule = terms[0]
    counts = arm.behind(rule).get("tried", np.ones(1))
    return int(counts.max()) if len(counts) else 1
