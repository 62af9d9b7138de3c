"""The comparisons that test a paper's claim."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import pandas as pd

from benchmark.config.table import AVERAGE as OF_AVERAGE
from benchmark.config.table import EVERY_COLUMN
from benchmark.config.units import RATES, of_arms
from benchmark.grids.grid import Grid
from benchmark.grids.selectors import groups_of_tasks, matches
from benchmark.records.record import Record
from benchmark.report import lost, sums
from benchmark.report.arms import Arm, BySeed, Rows, RunValues, Scored, scores_of
from benchmark.report.facts import Facts
from benchmark.report.numbers import planned
from benchmark.report.numbers.frame import Rule, distinguishing, placed
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.numbers.sampling import weights_of
from benchmark.report.paired_tests import Comparison, of_sum, tested, with_planned
from benchmark.report.published import AVERAGE
from benchmark.report.sections import VANILLA_LABEL
from benchmark.report.sums import Sum, Term

WITH_FLOORS = ("score", "max", "median", "quantile")  # quantities with a value for a run that failed
Sides = tuple[tuple[Arm, Rule], tuple[Arm, Rule]]  # the claimed one first
NO_FACTS = Facts()


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
        self.grid, self.run_values = grid, RunValues(grid, records, arrays)
        self.columns = list(dict.fromkeys(frame["task"]))
        self.rule = (rule or self.columns) if len(self.columns) > 1 else self.columns[0]
        self.own_columns = bool(grid.table["columns"])
        self.gaps = set(frame[frame["lower"]]["task"])
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
        return [
            comparison
            for ours, others in self.pairs(claim, side)
            for comparison in self.compare(claim, ours, others, side, sign)
        ]

    def pairs(self, claim: dict[str, Any], side: str) -> Iterator[tuple[Arm, Arm]]:
        """Pairs of an arm of ``side`` and an arm of ``than`` to compare it with."""
        named = set(claim[side]) | set(claim["than"])
        for ours in self.matching(claim[side]):
            for others in self.matching(claim["than"]):
                if (ours is not others and ours.same(others, named)) or (
                    ours is others and "task" in named and not self.own_columns
                ):
                    yield ours, others

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
        comparisons = []
        for column, mine, theirs in self.places(claim, side):
            sides, names = ((ours, mine), (others, theirs)), (ours.name, others.name)
            if claim["of"] in RATES:
                rows = (ours.behind(mine), others.behind(theirs))
                rate = lost.rates(claim["of"], column, names, rows, sign)
                comparisons.append(self.with_facts(rate, claim, sides, sign))
                continue
            scores = (self.values(claim, ours, mine), self.values(claim, others, theirs))
            if of_arms(claim["of"]):
                comparison = tested(claim["of"], column, names, scores, sign)
            else:
                apart = self.summed(claim, [(1.0, ours, mine), (-1.0, others, theirs)])
                comparison = of_sum(apart, column, names, sign)
            comparison = self.with_failures(comparison, claim, sides, sign)
            comparisons.append(self.with_facts(comparison, claim, sides, sign))
        return comparisons

    def places(self, claim: dict[str, Any], side: str = "runs") -> list[tuple[str, Rule, Rule]]:
        """The places of a claim in this table: a name, and the columns of either side whose mean is taken."""
        tasks = [None if self.own_columns else claim[key].get("task") for key in (side, "than")]
        where, averages = claim["where"], self.grid.table["averages"]
        if any(tasks):
            known = set(self.columns)
            groups = [
                [group for group in groups_of_tasks(task) if known.issuperset(group)]
                if task
                else [self.columns]
                for task in tasks
            ]
            return [
                ("+".join(mine) + f" / {'+'.join(theirs)}" * bool(claim["than"]), mine, theirs)
                for mine, theirs in itertools.product(*groups)
            ]
        if where == OF_AVERAGE:
            return [(AVERAGE, self.rule, self.rule)]
        if isinstance(where, str) and where != EVERY_COLUMN:
            whole = weights_of(averages[where]).keys() <= set(self.columns)
            return [(where, averages[where], averages[where])] if whole else []
        wanted = where if isinstance(where, list) else self.columns
        return [(column, column, column) for column in self.columns if column in wanted]

    def has_gaps(self, claim: dict[str, Any]) -> bool:
        """True if the claim is about a gap: a model that learnt nothing has the smallest."""
        side = next(key for key in ("better", "lower", "runs") if claim.get(key))
        return any(
            self.gaps & weights_of(rule).keys() for _, *both in self.places(claim, side) for rule in both
        )

    def x_without(self, axis: str) -> float | None:
        """The place on ``axis`` of runs without it, if the table's layout has one."""
        layout = self.grid.table["layout"]
        return layout["x_without"] if layout["x"] == axis else None

    def summed(
        self,
        claim: dict[str, Any],
        terms: list[Term],
        scored: Scored = scores_of,
        logs: bool = False,
    ) -> Sum:
        """The weighted sum of the compared quantity over the arms in ``terms``."""
        return sums.summed(
            terms,
            lambda arm, column: self.values(claim, arm, column, scored),
            claim["of"],
            self.run_values.machines,
            logs,
        )

    def with_failures(
        self, comparison: Comparison, claim: dict[str, Any], sides: Sides, sign: float
    ) -> Comparison:
        """``comparison`` with its counts of failed runs, and the analysis of all planned seeds."""
        terms: list[Term] = [(weight, *side) for weight, side in zip((1.0, -1.0), sides, strict=True)]
        rows = self.weighted_runs(claim, terms)
        counted = lost.counted(comparison, rows, claim["of"])
        if claim["of"].split("/")[0] not in WITH_FLOORS or not lost.have_floors(rows):
            return counted
        mine, theirs = (self.values(claim, *side, planned.floored) for side in sides)
        return with_planned(counted, claim["of"], (mine, theirs), sign)

    def with_facts(
        self, comparison: Comparison, claim: dict[str, Any], sides: Sides, sign: float
    ) -> Comparison:
        """``comparison`` with its runs, settings tried, printed effect and sampling error."""
        of_scores = claim["of"] == "score"
        ours, others = (
            self.with_bases(claim, [(weight, *side)]) for weight, side in zip((1.0, -1.0), sides, strict=True)
        )
        seeds = self.paired_seeds(claim, sides) if of_scores else {}
        return self.facts.added(comparison, (ours, others), seeds, sign, of_scores)

    def paired_seeds(self, claim: dict[str, Any], sides: Sides) -> dict[str, set[int]]:
        """The seeds on which the sides have values, by column: `sums.summed` pairs each column by itself."""
        seeds: dict[str, set[int]] = {}
        for arm, rule in sides:
            for column in weights_of(rule):
                known = set(self.values(claim, arm, column))
                seeds[column] = seeds.get(column, known) & known
        return seeds

    def weighted_runs(self, claim: dict[str, Any], terms: Sequence[Term]) -> list[tuple[float, Rows]]:
        """The runs behind a weighted sum, including those over which gains are taken."""
        return [(weight, arm.behind(rule)) for weight, arm, rule in self.with_bases(claim, terms)]

    def with_bases(self, claim: dict[str, Any], terms: Iterable[Term]) -> list[Term]:
        """``terms``, each followed by the arm over which its gain is taken, if any."""
        return [
            term
            for weight, arm, rule in terms
            for term in (
                (weight, arm, rule),
                *((-weight, base, rule) for base in self.bases(claim, arm)),
            )
        ]

    def without_collapses(self) -> Compared:
        """The same arms, without the scores of collapsed runs."""
        others = copy(self)
        others.run_values = replace(self.run_values, collapsed=False)
        return others

    def values(self, claim: dict[str, Any], arm: Arm, rule: Rule, scored: Scored = scores_of) -> BySeed:
        """The compared quantity of an arm by seed, or its gain over another arm.

        ``scored`` gives the scores of the arm's runs.
        """
        mine = self.run_values.by_seed(claim, arm, rule, scored)
        if not (claim["gain_over"] or claim.get("gain_of")):
            return mine
        bases = self.bases(claim, arm)
        base = self.run_values.by_seed(claim, bases[0], rule, scored) if bases else {}
        return {seed: value - base[seed] for seed, value in mine.items() if seed in base}

    def bases(self, claim: dict[str, Any], arm: Arm) -> list[Arm]:
        """The arm over which a claim takes the gain of ``arm``, or none."""
        wanted = claim["gain_over"]
        if claim.get("gain_of"):
            wanted = {"method": sorted(set(arm.config.method) - set(claim["gain_of"]))}
        if not wanted:
            return []
        return [base for base in self.matching(wanted) if base.same(arm, set(wanted))][:1]
