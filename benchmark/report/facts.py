"""Facts about both sides of a comparison: their runs, settings tried, printed values and sampling errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.report import published
from benchmark.report.numbers import sampling
from benchmark.report.numbers.frame import CELL, Rule
from benchmark.report.numbers.sampling import Shares
from benchmark.report.paired_tests import Comparison
from benchmark.report.published import AVERAGE


@dataclass(frozen=True)
class Side:
    """The runs of one arm on one column, with the weight (1 or -1) that they have in a difference.

    ``frame`` has all runs of the arm. ``column`` is a column, the average, or columns of which the mean is taken.
    """

    weight: float
    frame: pd.DataFrame
    column: str | list[str]
    config: RunConfig


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
        sides: tuple[Sequence[Side], Sequence[Side]],
        seeds: Iterable[int],
        rule: Rule,
        sign: float,
        of_scores: bool,
    ) -> Comparison:
        """``comparison`` with what is known of its ``sides``: each an arm, and the arm that it gains over.

        ``of_scores`` is False for other quantities than mean scores; ``seeds`` are those of both sides.
        """
        every = [*sides[0], *sides[1]]
        tried = (_tried(sides[0], rule), _tried(sides[1], rule))
        chosen = -1 if _rows(sides[0][0], rule)["lower"].any() else 1  # a search takes the smallest gap
        comparison = replace(
            comparison,
            runs=(_runs(sides[0], rule), _runs(sides[1], rule)),
            tried=tried,
            favours=int(sign * chosen * np.sign(tried[0] - tried[1])),
            paper_tried=self.paper_tried(sides),
        )
        if not of_scores:
            return comparison
        examples = self.examples(every, set(seeds), rule)
        printed = sign * sum(side.weight * self.value(side) for side in every)
        return replace(comparison, examples=examples, printed=printed)

    def examples(self, sides: Sequence[Side], seeds: set[int], rule: Rule) -> tuple[float, float]:
        """Standard error of a difference over examples, and its degrees of freedom; NaN if unknown."""
        known = []
        for side in sides:
            shares = sampling.of_side(side.frame, _weights(side.column, rule), self.shares, seeds)
            if shares is None:
                return np.nan, np.nan
            known.append((side.weight, shares))
        apart = sampling.weighted(known)
        return sampling.error(apart), sampling.degrees(apart)

    def value(self, side: Side) -> float:
        """The printed value of a side; NaN without one."""
        cell = tuple(side.frame[CELL[:-1]].iloc[0])
        columns = [side.column] if isinstance(side.column, str) else side.column
        return float(np.mean([self.printed.get((*cell, column), np.nan) for column in columns]))

    def paper_tried(self, sides: tuple[Sequence[Side], Sequence[Side]]) -> tuple[int, int] | None:
        """Settings that the paper tried on both sides; None if it does not say."""
        counts = [published.tried(self.source, of_arm[0].config) for of_arm in sides]
        return (counts[0], counts[1]) if counts[0] and counts[1] else None


def distinct(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """``comparisons`` without those of the same runs and column as an earlier one: they are the same evidence."""
    kept: dict[Any, Comparison] = {}
    for number, comparison in enumerate(comparisons):
        known = any(comparison.runs)
        kept.setdefault((comparison.column, *comparison.runs) if known else number, comparison)
    return list(kept.values())


def _weights(column: str | list[str], rule: Rule) -> dict[str, float]:
    if column == AVERAGE:
        return sampling.weights_of(rule)
    columns = [column] if isinstance(column, str) else column
    return dict.fromkeys(columns, 1 / len(columns))


def _rows(side: Side, rule: Rule) -> pd.DataFrame:
    return side.frame[side.frame["task"].isin(_weights(side.column, rule))]


def _runs(sides: Sequence[Side], rule: Rule) -> frozenset[str]:
    return frozenset(run for side in sides for run in _rows(side, rule)["run_id"])


def _tried(sides: Sequence[Side], rule: Rule) -> int:
    counts = [_rows(side, rule)["tried"].max() for side in sides[:1] if "tried" in side.frame]
    return int(counts[0]) if counts and not np.isnan(counts[0]) else 1
