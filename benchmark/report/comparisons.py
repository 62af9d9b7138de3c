"""The comparisons that test a paper's claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.config.table import AVERAGE as OF_AVERAGE
from benchmark.config.table import RATES
from benchmark.grids.grid import Grid
from benchmark.grids.selectors import matches
from benchmark.records.record import Record
from benchmark.report.facts import Facts, Side, distinct
from benchmark.report.numbers import planned, quantities
from benchmark.report.numbers.frame import Rule, average, average_by_seed, by_seed, distinguishing, placed
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.numbers.rates import paired_rates
from benchmark.report.numbers.sampling import weights_of
from benchmark.report.paired_tests import BySeed, Comparison, tested, with_planned
from benchmark.report.published import AVERAGE
from benchmark.report.sections import VANILLA_LABEL

Columns = str | list[str]  # one column, the average, or columns of which the mean is taken
NO_FACTS = Facts()
Scored = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Arm:
    """The runs of one row of a table; ``place`` has the row's values by axis."""

    name: str
    place: dict[str, Any]
    frame: pd.DataFrame
    config: RunConfig

    def same(self, other: Arm, named: set[str]) -> bool:
        """True if two arms agree on every common axis that is not ``named``."""
        both = (self.place.keys() & other.place.keys()) - named
        return all(self.place[axis] == other.place[axis] for axis in both)


Sides = tuple[tuple[Arm, Columns], tuple[Arm, Columns]]  # the claimed one first


class Compared:
    """The arms of a table, ready to be compared as claims ask.

    ``frame`` has one run per cell and seed: searched settings have been chosen already.
    """

    def __init__(
        self,
        grid: Grid,
        frame: pd.DataFrame,
        rule: Rule,
        records: Mapping[str, Record],
        arrays: Arrays,
        facts: Facts = NO_FACTS,
    ) -> None:
        self.facts = facts
        self.grid, self.rule, self.records, self.arrays = grid, rule, records, arrays
        self.columns = list(dict.fromkeys(frame["task"]))
        self.own_columns = bool(grid.table["columns"])
        axes = distinguishing(grid)
        self.arms = []
        for (model, variant, methods), rows in frame.groupby(["model", "variant", "methods"], sort=False):
            run = grid.runs[int(rows["run"].iloc[0])]
            place = {axis: value for axis, value in placed(run).items() if axis in axes}
            place |= {"model": model, "method": "+".join(sorted(run.config.method))}
            name = " ".join(text for text in (variant, methods or VANILLA_LABEL) if text)
            self.arms.append(Arm(f"{model} {name}", place, rows, run.config))

    def of(self, claim: dict[str, Any]) -> list[Comparison]:
        """Every comparison of ``claim`` between arms of the table."""
        side, sign = ("better", 1.0) if claim["better"] else ("lower", -1.0)
        named = set(claim[side]) | set(claim["than"])
        comparisons = []
        for ours in self.matching(claim[side]):
            for others in self.matching(claim["than"]):
                if (ours is not others and ours.same(others, named)) or (
                    ours is others and "task" in named and not self.own_columns
                ):
                    comparisons += self.compare(claim, ours, others, side, sign)
        return distinct(comparisons)

    def matching(self, selector: dict[str, Any]) -> list[Arm]:
        """The arms that fit ``selector``.

        Its task is ignored, unless the table declares columns of its own.
        """
        wanted = selector if self.own_columns else {k: v for k, v in selector.items() if k != "task"}
        searched = set(self.grid.table["search"])
        wanted = {key: value for key, value in wanted.items() if key not in searched}
        return [arm for arm in self.arms if matches(wanted, arm.config)]

    def compare(
        self, claim: dict[str, Any], ours: Arm, others: Arm, side: str, sign: float
    ) -> list[Comparison]:
        """Two arms, on each column of the claim."""
        tasks = [None if self.own_columns else claim[key].get("task") for key in (side, "than")]
        where = claim["where"]
        if any(tasks):
            places = [tuple([task] if isinstance(task, str) else task or self.columns for task in tasks)]
        elif where == OF_AVERAGE:
            places = [(AVERAGE, AVERAGE)]
        else:
            wanted = where if isinstance(where, list) else self.columns
            places = [(column, column) for column in self.columns if column in wanted]
        comparisons = []
        for mine, theirs in places:
            sides = ((ours, mine), (others, theirs))
            column = mine if isinstance(mine, str) else f"{'+'.join(mine)} / {'+'.join(theirs)}"
            if claim["of"] in RATES:
                rate = self.rates(claim["of"], column, sides, sign)
                comparisons.append(self.with_facts(rate, claim, sides, (), sign))
                continue
            scores = (self.values(claim, ours, mine), self.values(claim, others, theirs))
            comparison = tested(claim["of"], column, (ours.name, others.name), scores, sign)
            comparison = self.with_failures(comparison, claim, sides, sign)
            seeds = scores[0].keys() & scores[1].keys()
            comparisons.append(self.with_facts(comparison, claim, sides, seeds, sign))
        return comparisons

    def rates(self, of: str, column: str, sides: Sides, sign: float) -> Comparison:
        """Two arms' rates of runs that failed or collapsed, over all pairs of runs that were made."""
        statuses = planned.LOST if of == "failed" else ("collapsed",)
        ends = [self.runs(*side).set_index(["task", "seed"])["status"] for side in sides]
        made = [set(end[end != "missing"].index) for end in ends]
        mine, theirs = (end[end.isin(statuses)].index for end in ends)
        rate = paired_rates(mine, theirs, made[0] & made[1])
        waiting = sum(int((end == "missing").sum()) for end in ends)
        ours, others = (arm.name for arm, _ in sides)
        return Comparison(
            column, ours, others, sign * rate.difference, rate.n, rate.p, rate.needed, waiting=waiting
        )

    def with_failures(
        self, comparison: Comparison, claim: dict[str, Any], sides: Sides, sign: float
    ) -> Comparison:
        """``comparison`` with its counts of failed runs, and the analysis of all planned seeds."""
        runs = [self.runs(*side) for side in sides]
        without = planned.LOST if claim["of"] != "std" else (*planned.LOST, "collapsed")
        lost = [rows[rows["status"].isin(without)] for rows in runs]
        waiting = sum(rows[rows["status"] == "missing"]["run_id"].nunique() for rows in runs)
        counts = (lost[0]["run_id"].nunique(), lost[1]["run_id"].nunique())
        counted = replace(comparison, lost=counts, waiting=waiting)
        if not any(counts) or claim["of"] not in ("score", "max"):
            return counted
        if any(rows["floor"].isna().any() for rows in lost):
            return counted
        (ours, mine), (others, theirs) = sides
        scores = (
            self.values(claim, ours, mine, planned.at_floor),
            self.values(claim, others, theirs, planned.at_floor),
        )
        return with_planned(counted, claim["of"], scores, sign)

    def with_facts(
        self, comparison: Comparison, claim: dict[str, Any], sides: Sides, seeds: Iterable[int], sign: float
    ) -> Comparison:
        """``comparison`` with its runs, settings tried, printed effect and sampling error."""
        of_arms = []
        for weight, (arm, column) in zip((1.0, -1.0), sides, strict=True):
            bases = self.bases(claim, arm)
            of_arms.append(
                [
                    Side(weight, arm.frame, column, arm.config),
                    *(Side(-weight, base.frame, column, base.config) for base in bases),
                ]
            )
        rule = self.rule or self.columns
        return self.facts.added(
            comparison, (of_arms[0], of_arms[1]), seeds, rule, sign, claim["of"] == "score"
        )

    def bases(self, claim: dict[str, Any], arm: Arm) -> list[Arm]:
        """The arm that a claim's gain of ``arm`` is over, or none."""
        wanted = claim["gain_over"]
        return [base for base in self.matching(wanted) if base.same(arm, set(wanted))][:1] if wanted else []

    def runs(self, arm: Arm, column: Columns) -> pd.DataFrame:
        """The rows of an arm's frame behind ``column``; collapsed runs have a status of that name."""
        if column == AVERAGE:
            column = list(weights_of(self.rule or self.columns))
        rows = arm.frame[arm.frame["task"].isin([column] if isinstance(column, str) else column)]
        finished = rows["status"] == "finished"
        return rows.assign(status=rows["status"].mask(finished & rows["collapsed"], "collapsed"))

    def values(
        self, claim: dict[str, Any], arm: Arm, column: Columns, scored: Scored = lambda frame: frame
    ) -> BySeed:
        """The compared quantity of an arm by seed, or its gain over ``gain_over``.

        ``scored`` may change the scores of the arm's runs.
        """
        mine = self.series(claim["of"], arm, column, scored)
        if not claim["gain_over"]:
            return mine
        bases = self.bases(claim, arm)
        base = self.series(claim["of"], bases[0], column, scored) if bases else {}
        return {seed: value - base[seed] for seed, value in mine.items() if seed in base}

    def series(self, of: str, arm: Arm, column: Columns, scored: Scored) -> BySeed:
        """One quantity of an arm by seed.

        ``column`` is one column, the average, or a list of columns, of which the mean is taken.
        """
        frame = scored(arm.frame) if of in ("score", "std", "max") else self._with_quantity(of, arm.frame)
        if of == "std":  # a collapse is a rate of its own, and no spread
            frame = frame.assign(score=frame["score"].mask(frame["collapsed"]))
        if column == AVERAGE:
            rule = self.rule or self.columns
            return average_by_seed(frame, rule if len(self.columns) > 1 else self.columns[0])
        if isinstance(column, str):
            return by_seed(frame[frame["task"] == column])
        means = {}
        for seed, block in frame[frame["score"].notna()].groupby("seed"):
            value = average(dict(zip(block["task"], block["score"], strict=True)), list(column))
            if value is not None:
                means[int(str(seed))] = value
        return means

    def _with_quantity(self, quantity: str, frame: pd.DataFrame) -> pd.DataFrame:
        """``frame`` with another quantity of its runs in place of the score."""
        values = []
        for run, number in zip(frame["run_id"], frame["run"], strict=True):
            record = self.records.get(run)
            finished = record is not None and record.status == "finished"
            stored = self.arrays(run) if finished and quantities.names_read(quantity) else {}
            config = self.grid.runs[number].config
            points = quantities.points(quantity, record, config, stored) if record and finished else []
            values.append(quantities.summary(quantity, points))
        return frame.assign(score=values)
