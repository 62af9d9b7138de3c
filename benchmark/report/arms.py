"""Arms of a table, and the values of their runs that a claim is about."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from benchmark.config.claim_kinds import WITHIN_A_RUN
from benchmark.config.schema import RunConfig
from benchmark.config.units import of_arms
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.numbers import contrasts, quantities
from benchmark.report.numbers.frame import CELL, Rule, average_by_seed
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.numbers.sampling import weights_of

BySeed = dict[int, float]
Rows = Mapping[str, np.ndarray]  # arrays over runs, by the names of a frame's columns
Scored = Callable[[Rows], np.ndarray]
Kept = TypeVar("Kept")


def scores_of(rows: Rows) -> np.ndarray:
    """The scores of runs as they are (runs,)."""
    return rows["score"]


@dataclass(frozen=True)
class Arm:
    """The runs of one row of a table; ``place`` has the row's values by axis.

    Claims of a table need the same values of an arm many times, so computed values are kept; do not change
    them.
    """

    name: str
    place: dict[str, Any]
    frame: pd.DataFrame
    config: RunConfig
    known: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def kept(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """The result of ``make``, computed once per ``key``."""
        if key not in self.known:
            self.known[key] = make()
        return self.known[key]

    @cached_property
    def cell(self) -> tuple[Any, ...]:
        """Model, variant and methods."""
        return tuple(self.frame[CELL[:-1]].iloc[0])

    @cached_property
    def every(self) -> Rows:
        """All rows, as arrays, which are quick to select from.

        The status of collapsed runs is ``collapsed``.
        """
        rows = {str(name): self.frame[name].to_numpy() for name in self.frame}
        lost = (rows["status"] == "finished") & rows["collapsed"].astype(bool)
        return rows | {"status": np.where(lost, "collapsed", rows["status"]).astype(object)}

    def rows(self, column: str) -> Rows:
        """The rows of one column."""
        return self.behind(column)

    def seeds(self, column: str) -> int:
        """The number of seeds planned on ``column``."""
        return len(set(self.rows(column)["seed"].tolist()))

    def behind(self, rule: Rule) -> Rows:
        """The rows behind some columns."""
        columns = tuple(weights_of(rule))
        return self.kept(("behind", *columns), lambda: self._behind(columns))

    def _behind(self, columns: tuple[str, ...]) -> Rows:
        chosen = np.array([task in columns for task in self.every["task"]], bool)
        return {name: values[chosen] for name, values in self.every.items()}

    def same(self, other: Arm, named: set[str]) -> bool:
        """True if two arms agree on every common axis that is not ``named``."""
        both = (self.place.keys() & other.place.keys()) - named
        return all(self.place[axis] == other.place[axis] for axis in both)


@dataclass(frozen=True)
class RunValues:
    """The values of runs that claims are about: scores, and quantities from records and stored arrays.

    ``collapsed`` is False to leave out runs that collapsed. ``known`` keeps quantities by run: a claim asks for them
    column by column, and each needs the run's arrays.
    """

    grid: Grid
    records: Mapping[str, Record]
    arrays: Arrays
    collapsed: bool = True
    known: dict[tuple[Any, ...], float] = field(default_factory=dict)

    def by_seed(self, claim: Mapping[str, Any], arm: Arm, rule: Rule, scored: Scored) -> BySeed:
        """The quantity of ``claim`` by seed: of one column, or the mean over a rule."""
        of, depth, within = claim["of"], tuple(claim.get("depth") or []), _axis_within(claim)
        key = ("by seed", of, depth, within, repr(rule), scored, self.collapsed)
        return arm.kept(key, lambda: self._by_seed(claim, arm, rule, scored))

    def _by_seed(self, claim: Mapping[str, Any], arm: Arm, rule: Rule, scored: Scored) -> BySeed:
        of, rows = claim["of"], arm.every
        values = (
            scored(rows)
            if of == "score" or of_arms(of)
            else self.of_rows(of, rows, claim.get("depth") or [], _axis_within(claim))
        )
        if of == "std" or not self.collapsed:  # collapses count as a rate, and not as spread
            values = np.where(rows["collapsed"].astype(bool), np.nan, values)
        return average_by_seed({**rows, "score": values}, rule)

    def of_rows(
        self, quantity: str, rows: Rows, depth: list[float], axis: tuple[str, str] | None = None
    ) -> np.ndarray:
        """A quantity of runs besides the score (runs,).

        With an ``axis`` within a run and its scale, it is the quantity's slope over this axis.
        """
        values = []
        for run, number in zip(rows["run_id"].tolist(), rows["run"].tolist(), strict=True):
            key = (quantity, run, number, *depth, axis)
            if key not in self.known:
                self.known[key] = self._quantity(quantity, run, number, depth, axis)
            values.append(self.known[key])
        return np.array(values, float)

    def _quantity(
        self, quantity: str, run: str, number: int, depth: list[float], axis: tuple[str, str] | None
    ) -> float:
        record = self.records.get(run)
        finished = record is not None and record.status == "finished"
        stored = self.arrays(run) if finished and quantities.names_read(quantity) else {}
        config = self.grid.runs[number].config
        points = quantities.points(quantity, record, config, stored) if record and finished else []
        points = quantities.at_depth(points, depth)
        return quantities.summary(quantity, points) if axis is None else _slope(points, axis[0], axis[1])

    def machines(self, arm: Arm, column: str) -> dict[int, str]:
        """The machine of every finished run of an arm on ``column``, by seed."""
        rows = arm.rows(column)
        known = {
            int(seed): self.records[run].environment
            for seed, run in zip(rows["seed"].tolist(), rows["run_id"].tolist(), strict=True)
            if run in self.records
        }
        return {seed: f"{stamp['device_type']}: {stamp['device']}" for seed, stamp in known.items()}

    def examples(self, arm: Arm, column: str) -> float:
        """The number of training examples of an arm's runs on ``column``: their median; NaN if unknown."""
        runs = arm.rows(column)["run_id"].tolist()
        counts = [self.records[run].examples.get("train") for run in runs if run in self.records]
        known = [count for count in counts if count]
        return float(np.median(known)) if known else np.nan


def _axis_within(claim: Mapping[str, Any]) -> tuple[str, str] | None:
    trend = claim.get("trend")
    return (trend["over"], trend["scale"]) if trend and trend["over"] in WITHIN_A_RUN else None


def _slope(points: list[quantities.Point], axis: str, scale: str) -> float:
    """The slope of the means at each position of ``axis``; NaN for fewer than two positions."""
    by_position: dict[float, list[float]] = {}
    for place, value in points:
        if scale == "linear" or place[axis] > 0:  # layer 0 are the embeddings
            by_position.setdefault(float(place[axis]), []).append(value)
    if len(by_position) < 2:
        return np.nan
    means = np.array([[np.nanmean(values) for values in by_position.values()]])
    return float(contrasts.slopes(means, list(by_position), scale)[0]) if np.isfinite(means).all() else np.nan
