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


@dataclass(frozen=True)
class Side:
    """One arm on one column, with its weight (1 or -1) in a difference.

    ``frame`` has all runs of the arm. ``rule`` is the columns of which the mean is taken, ``column`` its name.
    """

    weight: float
    frame: pd.DataFrame
    rule: Rule
    column: str
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
        sign: float,
        of_scores: bool,
    ) -> Comparison:
        """``comparison`` with what is known of its ``sides``: each an arm, and the arm that it gains over.

        ``of_scores`` is False for other quantities than mean scores; ``seeds`` are those of both sides.
        """
        every = [*sides[0], *sides[1]]
        tried = (_tried(sides[0]), _tried(sides[1]))
        chosen = -1 if _rows(sides[0][0])["lower"].any() else 1  # a search takes the smallest gap
        comparison = replace(
            comparison,
            runs=(_runs(sides[0]), _runs(sides[1])),
            tried=tried,
            favours=int(sign * chosen * np.sign(tried[0] - tried[1])),
            paper_tried=self.paper_tried(sides),
        )
        if not of_scores:
            return comparison
        examples = self.examples(every, set(seeds))
        printed = sign * sum(side.weight * self.value(side) for side in every)
        return replace(comparison, examples=examples, printed=printed)

    def examples(self, sides: Sequence[Side], seeds: set[int]) -> tuple[float, float]:
        """Standard error of a difference over examples, and its degrees of freedom; NaN if unknown."""
        known = []
        for side in sides:
            shares = sampling.of_side(side.frame, sampling.weights_of(side.rule), self.shares, seeds)
            if shares is None:
                return np.nan, np.nan
            known.append((side.weight, shares))
        apart = sampling.weighted(known)
        return sampling.error(apart), sampling.degrees(apart)

    def value(self, side: Side) -> float:
        """The printed value of a side; NaN without one."""
        cell = tuple(side.frame[CELL[:-1]].iloc[0])
        if (*cell, side.column) in self.printed:
            return self.printed[*cell, side.column]
        weights = sampling.weights_of(side.rule)
        return sum(weight * self.printed.get((*cell, column), np.nan) for column, weight in weights.items())

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


def _rows(side: Side) -> pd.DataFrame:
    return side.frame[side.frame["task"].isin(sampling.weights_of(side.rule))]


def _runs(sides: Sequence[Side]) -> frozenset[str]:
    return frozenset(run for side in sides for run in _rows(side)["run_id"])


def _tried(sides: Sequence[Side]) -> int:
    counts = [_rows(side)["tried"].max() for side in sides[:1] if "tried" in side.frame]
    return int(counts[0]) if counts and not np.isnan(counts[0]) else 1
