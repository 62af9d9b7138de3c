"""Sections of a report as text: scores, differences, evidence of the seeds, published numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.grids.selectors import combinations
from benchmark.report import cells
from benchmark.report.numbers.statistics import CONFIDENCE, POWER
from benchmark.report.papers.base import WHOLE_ROW
from benchmark.report.papers.beside import Beside
from benchmark.report.published import AVERAGE

HEADER = ("Model", "Method")
VANILLA_LABEL = "plain fine-tuning"
TOLD_BY_SEEDS = {  # one quantity each
    "p of the difference, corrected over the table (Holm)": cells.p_value,
    f"Smallest true difference that these seeds find with {POWER:.0%} power": cells.detectable,
    f"Uncertainty of the difference from the size of the evaluation set ({CONFIDENCE:.0%})": cells.left_open,
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
    grid, ``printed`` the paper's table.
    """

    columns: Sequence[str]
    labels: dict[str, str]
    declared: int
    printed: Beside | None = None

    def measured(self, numbers: pd.DataFrame, statistics: Sequence[str]) -> list[Section]:
        """Scores, further statistics, differences, and the evidence of these seeds."""
        compared = numbers[(numbers["methods"] != "") & (numbers["difference_n"] > 0)]
        sections = [
            self.section(
                f"Score: mean ± sample std (n seeds of {self.declared}); {cells.BEST} best of its model",
                numbers,
                cells.score,
            )
        ]
        scored = numbers[numbers["score_n"] > 0]
        if "max" in statistics:
            title = "Maximum over seeds (published)"
            sections.append(self.section(title, scored, self._with_printed("max", "published_max")))
        if "std" in statistics and "published_std" in numbers:
            sections.append(self._deviations(scored))
        sections.append(
            self.section(
                f"Difference to {VANILLA_LABEL}, paired by seed: mean [95 % interval]",
                compared,
                cells.difference,
            )
        )
        repeated = compared[compared["difference_n"] > 1]
        for title, show in TOLD_BY_SEEDS.items():
            sections.append(self.section(title, repeated, show))
        if "fair_n" in numbers:
            fair = numbers[numbers["fair_n"] > 0]
            sections.append(
                self.section(
                    "Leak-free: chosen on one half of the evaluation set, scored on the other, both ways: mean ± "
                    "sample std; difference",
                    fair,
                    cells.fair,
                )
            )
        if numbers[["runs_collapsed", "runs_diverged", "runs_failed"]].to_numpy().any():
            sections.append(self.section("Runs by their end", numbers, cells.outcomes))
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
                rows.append([name, f"{methods}, {test}", *map(cells.small, values)])
        if source and isinstance(source.get("values"), dict):
            printed = [source["values"].get(column, np.nan) for column in self.columns]
            rows.append(
                [
                    self.labels.get(source["model"]) or source["model"],
                    "as printed (test not named)",
                    *map(cells.small, printed),
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
            texts = {row["task"]: show(row, self.declared) for _, row in block.iterrows()}
            name = f"{self.labels.get(str(model)) or model} {variant}".strip()
            rows.append(
                [name, str(methods) or VANILLA_LABEL, *(texts.get(column, "–") for column in columns)]
            )
        return rows

    def beside(self, numbers: pd.DataFrame) -> list[Section]:
        """Our scores beside the printed ones, and all of the printed table."""
        printed = self.printed
        if not printed:
            return []

        def gap(cell: pd.Series, declared: int) -> str:
            alike = cell["score_n"] and cell["task"] not in printed.unlike
            text = f"{cell['score_mean'] - cell['published']:+.2f}" if alike else "–"
            return f"{text} ({cell['published']:.1f}){printed.mark(cell)}"

        return [
            self.section("Measured − published (published)", numbers[numbers["published"].notna()], gap),
            self.as_published(printed),
        ]

    def as_published(self, printed: Beside) -> Section:
        """The printed table under the name of its place."""
        paper, item = printed.source["paper"], printed.source["item"]
        return Section(
            f"Published: {paper['venue']}, {item['kind']} {item['number']}", self.published(printed)
        )

    def averages(self, further: pd.DataFrame, rules: dict[str, Any]) -> list[list[str]]:
        """Further averages; in brackets those of the printed columns by the same rule."""

        def show(cell: pd.Series, declared: int) -> str:
            if self.printed is None or pd.isna(cell["published"]):
                return cells.score(cell, declared)
            unlike = self.printed.unlike_in(rules.get(cell["task"], self.printed.rule))
            marks = self.printed.marks(self.printed.unlike[column] for column in unlike)
            return f"{cells.score(cell, declared)} [{cell['published']:.2f}]{marks}"

        return self.rows(further, list(dict.fromkeys(further["task"])), show)

    def published(self, printed: Beside) -> list[list[str]]:
        """The printed rows with their footnotes; the average only beside the columns it was taken over."""
        decimals, rows = printed.source["decimals"], []
        for number, row in enumerate(printed.rows):
            values = dict(row["values"]) | {AVERAGE: printed.value(number, AVERAGE, "values")}
            texts = []
            for column in self.columns:
                value, marks = values.get(column), printed.marks(printed.texts(number, column))
                texts.append("–" if value is None else f"{value:.{decimals}f}{marks}")
            name, methods = self._printed(row)
            rows.append([name, methods + printed.marks(printed.texts(number, WHOLE_ROW)), *texts])
        return rows

    def _deviations(self, scored: pd.DataFrame) -> Section:
        """Our deviations beside the printed ones, as n - 1 would divide them."""
        title, name = "Sample std over seeds (published)", "published_std"
        if self.printed and "published_sample_std" in scored:
            factor = f"{self.printed.to_sample:.4f}"
            title, name = f"{title[:-1]}, which n divides, × {factor})", "published_sample_std"
        return self.section(title, scored, self._with_printed("std", name))

    def _with_printed(self, statistic: str, name: str) -> Callable[[pd.Series, int], str]:
        """A maker of texts: our ``statistic``, and the number ``name`` of the paper in brackets."""

        def show(cell: pd.Series, declared: int) -> str:
            printed, ours = cell.get(name), cell[f"score_{statistic}"]
            text = "–" if pd.isna(ours) else f"{ours:.2f}"
            if self.printed is None or printed is None or pd.isna(printed):
                return text
            return f"{text} ({printed:.2f}){self.printed.mark(cell, statistic)}"

        return show

    def _printed(self, row: dict[str, Any]) -> tuple[str, str]:
        """The model of a printed row, and its methods with distinguishing values."""
        runs = dict(row.get("runs", {}))
        if not runs:
            return row["label"], "–"
        models, alternatives = runs.pop("model"), combinations(runs.pop("method"))
        names = [
            self.labels.get(model) or model for model in ([models] if isinstance(models, str) else models)
        ]
        name = " or ".join(names)
        methods = " or ".join("+".join(sorted(combined)) or VANILLA_LABEL for combined in alternatives)
        for key, value in runs.items():
            text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            if key.startswith("method."):
                methods += f" {key.split('.', 2)[-1]}={text}"
            else:
                name += f" {key}={text}"
        return name, methods
