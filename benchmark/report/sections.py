"""Sections of a report as text: scores, differences, evidence of the seeds, published numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.report import published
from benchmark.report.numbers.statistics import CONFIDENCE, POWER
from benchmark.report.published import AVERAGE

HEADER = ("Model", "Method")
VANILLA_LABEL = "plain fine-tuning"
BEST = "*"
FOOTNOTE = "†"
WIDE = 1.96  # standard errors from the middle of a 95 % interval to its ends
OUTCOMES = {
    "finished": "finished",
    "collapsed": "of them collapsed",
    "diverged": "diverged",
    "failed": "failed",
    "missing": "not run",
}
P_VALUES = {"p_paired": "paired t", "p_welch": "Welch's t", "p_wilcoxon": "Wilcoxon's signed ranks"}


@dataclass(frozen=True)
class Section:
    """A block of rows under one title; ``rows`` are (model, method, cell, …) as text."""

    title: str
    rows: list[list[str]]
    columns: list[str] | None = None
    header: tuple[str, ...] = HEADER


@dataclass(frozen=True)
class Sections:
    """Maker of the sections of one table.

    ``columns`` are keys, ``labels`` the shown names by key, ``declared`` is the number of seeds of the
    grid.
    """

    columns: Sequence[str]
    labels: dict[str, str]
    declared: int

    def measured(self, numbers: pd.DataFrame, statistics: Sequence[str]) -> list[Section]:
        """Scores, further statistics, differences, and the evidence of these seeds."""
        compared = numbers[(numbers["methods"] != "") & (numbers["difference_n"] > 0)]
        sections = [
            self.section(
                f"Score: mean ± sample std (n seeds of {self.declared}); {BEST} best of its model",
                numbers,
                _score,
            )
        ]
        scored = numbers[numbers["score_n"] > 0]
        if "max" in statistics:
            sections.append(self.section("Maximum over seeds (published)", scored, _with_published("max")))
        if "std" in statistics and "published_std" in numbers:
            sections.append(self.section("Sample std over seeds (published)", scored, _with_published("std")))
        sections.append(
            self.section(
                f"Difference to {VANILLA_LABEL}, paired by seed: mean [95 % interval]", compared, _difference
            )
        )
        sections.append(
            self.section(
                f"What these seeds can tell: p, corrected over the table (Holm); smallest true difference "
                f"found with {POWER:.0%} power; ± what the evaluation set's size leaves open ({CONFIDENCE:.0%})",
                compared[compared["difference_n"] > 1],
                _telling,
            )
        )
        if "fair_n" in numbers:
            fair = numbers[numbers["fair_n"] > 0]
            sections.append(
                self.section(
                    "Leak-free: chosen on one half of the evaluation set, scored on the other, both ways: mean ± "
                    "sample std; difference",
                    fair,
                    _fair,
                )
            )
        if numbers[["runs_collapsed", "runs_diverged", "runs_failed"]].to_numpy().any():
            sections.append(self.section("Runs by their end", numbers, _outcomes))
        return sections

    def p_values(self, numbers: pd.DataFrame, source: dict[str, Any] | None) -> Section:
        """Uncorrected two-sided p-values by several tests, and the printed ones."""
        rows = []
        for (model, variant, methods), block in numbers[numbers["methods"] != ""].groupby(
            ["model", "variant", "methods"], sort=False
        ):
            name = f"{self.labels.get(str(model)) or model} {variant}".strip()
            by_task = block.set_index("task")
            for key, test in P_VALUES.items():
                values = [by_task[key].get(column, np.nan) for column in self.columns]
                rows.append([name, f"{methods}, {test}", *map(small, values)])
        if source and isinstance(source.get("values"), dict):
            printed = [source["values"].get(column, np.nan) for column in self.columns]
            rows.append(
                [
                    self.labels.get(source["model"]) or source["model"],
                    "as printed (test not named)",
                    *map(small, printed),
                ]
            )
        return Section(f"p-value against {VANILLA_LABEL}, two-sided, not corrected", rows)

    def section(self, title: str, numbers: pd.DataFrame, show: Callable[[pd.Series, int], str]) -> Section:
        """A section with ``show`` of every cell of ``numbers``."""
        return Section(title, self.rows(numbers, self.columns, show))

    def rows(
        self, numbers: pd.DataFrame, columns: Sequence[str], show: Callable[[pd.Series, int], str]
    ) -> list[list[str]]:
        """One row per model, variant and methods, with ``show`` of the cells in ``columns``."""
        rows = []
        for (model, variant, methods), block in numbers.groupby(["model", "variant", "methods"], sort=False):
            cells = {row["task"]: show(row, self.declared) for _, row in block.iterrows()}
            name = f"{self.labels.get(str(model)) or model} {variant}".strip()
            rows.append(
                [name, str(methods) or VANILLA_LABEL, *(cells.get(column, "–") for column in columns)]
            )
        return rows

    def published(self, source: dict[str, Any]) -> list[list[str]]:
        """The printed rows; the average only beside the tasks it was taken over, marked where it is not theirs."""
        whole = published.tasks_of(published.rule_of(source) or []) == set(self.columns) - {AVERAGE}
        rows = []
        for row in source["rows"]:
            printed = dict(row["values"]) | ({AVERAGE: row.get("average_printed")} if whole else {})
            cells = (printed.get(column) for column in self.columns)
            written = [f"{v:.{source['decimals']}f}" if v is not None else "–" for v in cells]
            if whole and row.get("average_check") == published.MISMATCH:
                written[list(self.columns).index(AVERAGE)] += FOOTNOTE
            rows.append([*self._printed(row), *written])
        return rows

    def _printed(self, row: dict[str, Any]) -> tuple[str, str]:
        """The model of a printed row, and its methods with distinguishing values."""
        runs = dict(row.get("runs", {}))
        if not runs:
            return row["label"], "–"
        model, methods = runs.pop("model"), "+".join(sorted(runs.pop("method"))) or VANILLA_LABEL
        name = self.labels.get(model) or model
        for key, value in runs.items():
            text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            if key.startswith("method."):
                methods += f" {key.split('.', 2)[-1]}={text}"
            else:
                name += f" {key}={text}"
        return name, methods


def _score(cell: pd.Series, declared: int) -> str:
    if not cell["score_n"]:
        for status in ("missing", "failed", "diverged"):
            if cell[f"runs_{status}"]:
                return status
        return "hidden"
    spread = f" ± {cell['score_std']:.2f}" if cell["score_n"] > 1 else ""
    mark = BEST if cell["best"] else ""
    chosen = f" at {cell['chosen']}" if cell["chosen"] else ""
    stands_in = ", stands in" if cell.get("stands_in", False) else ""
    return f"{cell['score_mean']:.2f}{mark}{spread} ({_count(int(cell['score_n']), declared)}{stands_in}){chosen}"


def _outcomes(cell: pd.Series, declared: int) -> str:
    """The number of runs of a cell by their end, in words."""
    counted = [(int(cell[f"runs_{status}"]), word) for status, word in OUTCOMES.items()]
    return ", ".join(f"{count} {word}" for count, word in counted if count)


def _difference(cell: pd.Series, declared: int) -> str:
    if not cell["difference_n"]:
        return "–"
    n, interval = int(cell["difference_n"]), ""
    if n > 1:
        ends = (cell["difference_low"], cell["difference_high"])
        interval = " [no spread]" if any(map(pd.isna, ends)) else " [{:+.2f}, {:+.2f}]".format(*ends)
    return f"{cell['difference_mean']:+.2f}{interval}" + (f" ({_count(n, declared)})" if n < declared else "")


def beside(cell: pd.Series, declared: int) -> str:
    if pd.isna(cell["published"]):
        return "–"
    gap = f"{cell['score_mean'] - cell['published']:+.2f}" if cell["score_n"] else "–"
    return f"{gap} ({cell['published']:.1f})"


def averaged(cell: pd.Series, declared: int) -> str:
    """A score, and in brackets the average of the printed columns by the same rule."""
    printed = "" if pd.isna(cell["published"]) else f" [{cell['published']:.2f}]"
    return _score(cell, declared) + printed


def _count(n: int, declared: int) -> str:
    """The number of seeds behind a mean, with the declared number if they are fewer."""
    return f"{n} of {declared}" if n < declared else f"{n}"


def _telling(cell: pd.Series, declared: int) -> str:
    detectable, error = cell["difference_detectable"], WIDE * cell["difference_sampling"]
    texts = ["–" if pd.isna(number) else f"{number:.2f}" for number in (detectable, error)]
    return f"p {small(cell['difference_p'])}; {texts[0]}; ±{texts[1]}"


def _with_published(statistic: str) -> Callable[[pd.Series, int], str]:
    def show(cell: pd.Series, declared: int) -> str:
        printed = cell.get(f"published_{statistic}")
        beside_it = "" if printed is None or pd.isna(printed) else f" ({printed:.2f})"
        ours = cell[f"score_{statistic}"]
        return f"{'–' if pd.isna(ours) else f'{ours:.2f}'}{beside_it}"

    return show


def _fair(cell: pd.Series, declared: int) -> str:
    spread = f" ± {cell['fair_std']:.2f}" if cell["fair_n"] > 1 else ""
    apart = f"; {cell['fair_difference_mean']:+.2f}" if cell["fair_difference_n"] > 0 else ""
    return f"{cell['fair_mean']:.2f}{spread}{apart}"


def small(p: float) -> str:
    """A p-value with two digits."""
    if pd.isna(p):
        return "–"
    return f"{p:.1e}" if p < 0.001 else f"{p:.2g}"
