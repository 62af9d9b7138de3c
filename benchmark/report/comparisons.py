"""The comparisons that a claim of a paper comes down to, each with its test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.config.table import AVERAGE as OF_AVERAGE
from benchmark.grids.grid import Grid
from benchmark.grids.selectors import matches
from benchmark.records.record import Record
from benchmark.report.numbers import quantities
from benchmark.report.numbers.frame import Rule, average, average_by_seed, by_seed, distinguishing, placed
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.numbers.statistics import (
    MANY,
    estimate,
    maximum_test,
    paired,
    seeds_to_correlate,
    seeds_to_find,
    spread_test,
)
from benchmark.report.published import AVERAGE

BySeed = dict[int, float]


@dataclass(frozen=True)
class Comparison:
    """One pair of arms on one column: how far apart, in the claimed direction (``toward`` > 0) or against it.

    ``p`` is two-sided and alone, NaN where nothing can be tested; ``n`` pairs of seeds were there, and
    ``needed(level)`` says how many would be enough.
    """

    column: str
    ours: str
    others: str
    toward: float
    n: int
    p: float
    needed: Callable[[float], int]


@dataclass(frozen=True)
class Arm:
    """The runs that are one row of a table, and where they stand on the axes that tell rows apart."""

    name: str
    at: dict[str, Any]
    frame: pd.DataFrame
    config: RunConfig

    def same(self, other: Arm, named: set[str]) -> bool:
        """Whether two arms agree on every axis that both have and that is not ``named``."""
        both = (self.at.keys() & other.at.keys()) - named
        return all(self.at[axis] == other.at[axis] for axis in both)


class Compared:
    """The arms of a table, ready to be compared as claims ask.

    ``frame`` has one run per cell and seed, so after anything that was searched over was chosen.
    """

    def __init__(
        self, grid: Grid, frame: pd.DataFrame, rule: Rule, records: Mapping[str, Record], arrays: Arrays
    ) -> None:
        self.grid, self.rule, self.records, self.arrays = grid, rule, records, arrays
        self.columns = list(dict.fromkeys(frame["task"]))
        self.own_columns = bool(grid.table["columns"])
        axes = distinguishing(grid)
        self.arms = []
        for (model, variant, methods), rows in frame.groupby(["model", "variant", "methods"], sort=False):
            run = grid.runs[int(rows["run"].iloc[0])]
            at = {axis: value for axis, value in placed(run).items() if axis in axes}
            at |= {"model": model, "method": "+".join(sorted(run.config.method))}
            name = " ".join(part for part in (variant, methods or "plain fine-tuning") if part)
            self.arms.append(Arm(f"{model} {name}", at, rows, run.config))

    def of(self, claim: dict[str, Any]) -> list[Comparison]:
        """Every comparison that ``claim`` is about, as far as the runs go."""
        side, sign = ("better", 1.0) if claim["better"] else ("lower", -1.0)
        named = set(claim[side]) | set(claim["than"])
        found = []
        for ours in self.matching(claim[side]):
            for others in self.matching(claim["than"]):
                if (ours is not others and ours.same(others, named)) or (
                    ours is others and "task" in named and not self.own_columns
                ):
                    found += self.compare(claim, ours, others, side, sign)
        return found

    def matching(self, selector: dict[str, Any]) -> list[Arm]:
        """The arms that ``selector`` stands for; without columns of a table's own, tasks are not looked at."""
        wanted = selector if self.own_columns else {k: v for k, v in selector.items() if k != "task"}
        searched = set(self.grid.table["search"])
        wanted = {key: value for key, value in wanted.items() if key not in searched}
        return [arm for arm in self.arms if matches(wanted, arm.config)]

    def compare(
        self, claim: dict[str, Any], ours: Arm, others: Arm, side: str, sign: float
    ) -> list[Comparison]:
        """Two arms, on each of the columns that the claim is about."""
        tasks = [None if self.own_columns else claim[one].get("task") for one in (side, "than")]
        where = claim["where"]
        if any(tasks):
            places = [tuple([one] if isinstance(one, str) else one or self.columns for one in tasks)]
        elif where == OF_AVERAGE:
            places = [(AVERAGE, AVERAGE)]
        else:
            wanted = where if isinstance(where, list) else self.columns
            places = [(column, column) for column in self.columns if column in wanted]
        found = []
        for mine, theirs in places:
            pair = (self.values(claim, ours, mine), self.values(claim, others, theirs))
            column = mine if isinstance(mine, str) else f"{'+'.join(mine)} / {'+'.join(theirs)}"
            found.append(_tested(claim["of"], column, ours.name, others.name, pair, sign))
        return found

    def values(self, claim: dict[str, Any], arm: Arm, column: str | list[str]) -> BySeed:
        """What is compared of an arm, by seed; with ``gain_over`` its gain over the arm that is meant."""
        mine = self.series(claim["of"], arm, column)
        if not (wanted := claim["gain_over"]):
            return mine
        bases = [one for one in self.matching(wanted) if one.same(arm, set(wanted))]
        base = self.series(claim["of"], bases[0], column) if bases else {}
        return {seed: value - base[seed] for seed, value in mine.items() if seed in base}

    def series(self, of: str, arm: Arm, column: str | list[str]) -> BySeed:
        """One quantity of an arm on a column, the average, or the mean of some columns, by seed."""
        frame = arm.frame if of in ("score", "std", "max") else self._with(of, arm.frame)
        if column == AVERAGE:
            rule = self.rule or self.columns
            return average_by_seed(frame, rule if len(self.columns) > 1 else self.columns[0])
        if isinstance(column, str):
            return by_seed(frame[frame["task"] == column])
        found = {}
        for seed, block in frame[frame["score"].notna()].groupby("seed"):
            value = average(dict(zip(block["task"], block["score"], strict=True)), list(column))
            if value is not None:
                found[int(str(seed))] = value
        return found

    def _with(self, quantity: str, frame: pd.DataFrame) -> pd.DataFrame:
        """``frame`` with another quantity of its runs in place of the score."""
        values = []
        for run, number in zip(frame["run_id"], frame["run"], strict=True):
            record = self.records.get(run)
            finished = record is not None and record.status == "finished"
            stored = self.arrays(run) if finished and quantities.names_read(quantity) else {}
            config = self.grid.runs[number].config
            found = quantities.points(quantity, record, config, stored) if record and finished else []
            values.append(quantities.summary(quantity, found))
        return frame.assign(score=values)


def _tested(
    of: str, column: str, ours: str, others: str, pair: tuple[BySeed, BySeed], sign: float
) -> Comparison:
    mine, theirs = paired(*pair)
    n = len(mine)
    if of == "std":
        far = float(np.std(mine, ddof=1) - np.std(theirs, ddof=1)) if n > 1 else np.nan
        correlation, p = spread_test(mine, theirs)
        return Comparison(
            column, ours, others, sign * far, n, p, lambda level: seeds_to_correlate(correlation, level)
        )
    if of == "max":
        far = float(mine.max() - theirs.max()) if n else np.nan
        return Comparison(column, ours, others, sign * far, n, maximum_test(mine, theirs), lambda _: MANY)
    difference = estimate(mine - theirs)
    effect = difference.effect_size
    return Comparison(
        column,
        ours,
        others,
        sign * difference.mean,
        n,
        difference.p,
        lambda level: seeds_to_find(effect, level),
    )
