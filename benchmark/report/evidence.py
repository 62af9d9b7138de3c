"""The evidence of a table: its runs with their scores, for the verdicts on its claims."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report import published, verdicts
from benchmark.report.facts import Facts
from benchmark.report.judge import Verdict
from benchmark.report.numbers import sampling, selection
from benchmark.report.numbers.frame import Rule, scores
from benchmark.report.numbers.measured import SharesByRun
from benchmark.report.numbers.planned import with_floors
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.papers.beside import Beside
from benchmark.report.published import AVERAGE


def no_arrays(_: str) -> Mapping[str, np.ndarray]:
    """No arrays for any run: for records without stored arrays."""
    return {}


@dataclass(frozen=True)
class Evidence:
    """The runs of a table, ready to be shown and judged.

    - ``planned``: all runs of all settings, in the form of `frame.scores`, with floors.
    - ``frame``: one run per cell and seed of them; searched settings are chosen.
    - ``columns``: its tasks, and the average by ``rule`` if there is one.
    - ``fair``: the leak-free scores; None if nothing was chosen on the reported set.
    - ``shares``: the contributions of examples to scores, as `sampling.of_runs` gives them.
    - ``source``, ``printed``: the published table, and its numbers by our cells.
    """

    grid: Grid
    records: Mapping[str, Record]
    arrays: Arrays
    planned: pd.DataFrame
    frame: pd.DataFrame
    columns: list[str]
    rule: Rule
    fair: pd.DataFrame | None
    shares: SharesByRun
    source: dict[str, Any] | None
    printed: Beside | None

    def verdicts(self, changed: bool) -> list[Verdict]:
        """The verdict on every claim of the table; ``changed`` is True for another recipe than the declared one."""
        by_cell = self.printed.by_cell(self.columns) if self.printed else {}
        facts = Facts(self.shares, by_cell, self.source or {})
        return verdicts.of_table(
            self.grid, self.frame, self.rule, self.records, self.arrays, facts, self.fair, changed
        )


def gathered(
    grid: Grid, records: Mapping[str, Record], arrays: Arrays = no_arrays, failed: Collection[str] = ()
) -> Evidence:
    """The evidence of ``records``; ``failed`` are the ids of runs that ended in an error."""
    table = grid.table
    every = with_floors(grid, scores(grid, records, failed), arrays)
    frame = selection.chosen(every, "max" if table["layout"]["statistic"] == ["max"] else "mean")
    tasks = list(dict.fromkeys(frame["task"]))
    source = published.load(table["published"]) if table["published"] else None
    rows = source if source and source["rows"] else None
    rule = averaging_rule(frame, tasks, rows, bool(table["columns"]))
    fair = None
    if selection.selects(grid, records.values()):
        fair = selection.leak_free(grid, every, records, arrays)
        if {run.config.protocol.selection for run in grid.runs} == {selection.LEAK_FREE}:
            frame, fair = selection.with_scores(frame, fair), None
    return Evidence(
        grid=grid,
        records=records,
        arrays=arrays,
        planned=every,
        frame=frame,
        columns=[*tasks, AVERAGE] if len(tasks) > 1 and rule else tasks,
        rule=rule,
        fair=fair,
        shares=sampling.of_runs(grid, frame, records, arrays),
        source=source,
        printed=Beside(rows, grid, frame) if rows else None,
    )


def averaging_rule(
    frame: pd.DataFrame, tasks: Sequence[str], source: dict[str, Any] | None, own_columns: bool
) -> Rule:
    """The paper's rule if all its tasks are present, else the mean over scored tasks.

    A task with hidden labels has no score; the average is then over the other tasks. The columns that a table
    declares may be of several kinds: without a rule of the paper they have no average.
    """
    rule = published.rule_of(source) if source else None
    if rule and published.tasks_of(rule) <= set(tasks):
        return rule
    if own_columns:
        return []
    hidden = {
        task
        for task, block in frame.groupby("task")
        if (block["status"] == "finished").any() and block["score"].isna().all()
    }
    return [task for task in tasks if task not in hidden]
