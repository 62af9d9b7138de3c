"""The paper's numbers beside ours, with footnotes on those that its own tables contradict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmark.grids.grid import Grid
from benchmark.report import published
from benchmark.report.numbers.averages import PrintedRows
from benchmark.report.numbers.frame import Rule
from benchmark.report.papers.base import WHOLE_ROW, Finding, Source, seeds_of
from benchmark.report.papers.counted import divided_by_n
from benchmark.report.papers.findings import findings, sentences
from benchmark.report.published import AVERAGE

FIELDS = {"published": "values", "published_std": "std", "published_max": "max"}
P_VALUE = "p"  # the field of a finding about a printed p-value
OF_AVERAGES = "average"  # the field of a finding about a printed average


class Beside:
    """The published table of a grid: its numbers by our cells, and its footnotes.

    ``metrics`` are ours by column. Footnotes are numbered in the order of the paper's rows.
    """

    def __init__(self, source: Source, grid: Grid, frame: pd.DataFrame) -> None:
        self.source = source
        self.rows: list[dict[str, Any]] = source["rows"]
        self.by_arm = _rows_by_arm(source, grid, frame)
        metrics = frame.drop_duplicates("task").set_index("task")["metric"].str.split(" + ", regex=False)
        self.columns = {str(column) for column in metrics.index}
        printed = {column["key"]: column for column in source["columns"]}
        self.unlike = {
            str(column): f"The paper's metric is {printed[column]['metric']}; ours is {' + '.join(names)}"
            for column, names in metrics.items()
            if column in printed and not published.measures(source, str(column), names)
        }
        self.found = [finding for finding in findings(source["id"]) if self._is_shown(finding)]
        texts = [finding.says for finding in self.found] + list(self.unlike.values())
        self.numbers = {text: number for number, text in enumerate(dict.fromkeys(texts), 1)}

    @property
    def rule(self) -> Rule:
        """The paper's rule of averaging; empty without one."""
        return published.rule_of(self.source) or []

    @property
    def has_average(self) -> bool:
        """True if all printed columns of the average are here, in whatever metric."""
        printed = {column["key"] for column in self.source["columns"]}
        return published.tasks_of(self.rule) == self.columns & printed

    def value(self, row: int | None, column: str, field: str) -> float | None:
        """A printed number, or None. ``field`` is values, std or max."""
        if row is None:
            return None
        if column == AVERAGE:
            shown = self.has_average and field == "values"
            return self.rows[row].get("average_printed") if shown else None
        number: float | None = self.rows[row].get(self._key(field), {}).get(column)
        return number

    def texts(self, row: int | None, column: str, field: str = "values") -> list[str]:
        """The footnotes of a printed number; ``column`` may be `WHOLE_ROW`."""
        field = OF_AVERAGES if column == AVERAGE else field
        texts = [
            finding.says
            for finding in self.found
            if (finding.row, finding.column, finding.field) == (row, column, field)
        ]
        unlike = self.unlike_in(self.rule) if column == AVERAGE else [column]
        return texts + [self.unlike[name] for name in unlike if field != "std" and name in self.unlike]

    def unlike_in(self, rule: Rule) -> list[str]:
        """The columns of an averaging rule that are printed in another metric than ours."""
        return [column for column in self.unlike if column in published.tasks_of(rule)]

    def marks(self, texts: Iterable[str]) -> str:
        """The footnote marks that follow a printed number."""
        return "".join(f" [{self.numbers[text]}]" for text in texts)

    def row_of(self, cell: pd.Series | dict[str, Any]) -> int | None:
        """The number of the printed row of a cell's runs."""
        return self.by_arm[cell["model"], cell["variant"], cell["methods"]]

    def mark(self, cell: pd.Series, field: str = "values") -> str:
        """The marks of the printed number beside a cell of ours."""
        return self.marks(self.texts(self.row_of(cell), cell["task"], field))

    def printed_rows(self) -> PrintedRows:
        """The printed row for the same runs, or None, by model, variant and methods."""
        return {arm: None if row is None else self.rows[row] for arm, row in self.by_arm.items()}

    def by_cell(self, columns: Sequence[str]) -> dict[tuple[str, ...], float]:
        """The printed values of ``columns`` by model, variant, methods and column."""
        values = {
            (*arm, column): self.value(row, column, "values")
            for arm, row in self.by_arm.items()
            for column in columns
        }
        return {cell: float(value) for cell, value in values.items() if value is not None}

    def joined(self, numbers: pd.DataFrame) -> pd.DataFrame:
        """``numbers`` with ``published``: the printed number of the same runs and column.

        ``published_std`` and ``published_max`` are added if the paper prints them, ``published_sample_std``
        if its deviations are divided by n, and ``published_note`` if there are footnotes to a number.
        """
        cells = [(self.row_of(cell), str(cell["task"])) for cell in numbers.to_dict("records")]
        columns = {
            name: pd.array([self.value(*cell, field) for cell in cells], dtype="Float64")
            for name, field in FIELDS.items()
            if name == "published" or self._prints(field)
        }
        if "published_std" in columns and self.is_divided_by_n:
            columns["published_sample_std"] = columns["published_std"] * self.to_sample
        notes = pd.array([self._note(*cell) for cell in cells])
        return numbers.assign(**columns, **({"published_note": notes} if any(notes) else {}))

    @property
    def is_divided_by_n(self) -> bool:
        """True if the paper's deviations were divided by n, as its printed accuracies show."""
        return divided_by_n(self.source["paper"]["key"]) is not None and seeds_of(self.source) > 1

    @property
    def to_sample(self) -> float:
        """The factor that turns a printed deviation into a sample deviation (n - 1)."""
        n = seeds_of(self.source)
        return float(np.sqrt(n / (n - 1)))

    def notes(self) -> list[str]:
        """The footnotes, and further remarks on the paper's numbers."""
        lines = [f"[{number}] {text}." for text, number in self.numbers.items()]
        told = divided_by_n(self.source["paper"]["key"])
        if told and self.is_divided_by_n and any("std" in row for row in self.rows):
            n = seeds_of(self.source)
            lines.append(
                f"The paper's deviations are divided by n: of {told[1]} that counts of right answers can tell, "
                f"{told[0]} cannot be anything else. They stand here times the root of {n}/{n - 1}."
            )
        return lines

    def _key(self, field: str) -> str:
        """The key of ``field`` in a printed row; a table of maxima has them as its values."""
        maxima = {"values": "", "max": "values"} if self.source.get("statistic") == "max" else {}
        return maxima.get(field, field)

    def _prints(self, field: str) -> bool:
        return any(self._key(field) in row for row in self.rows)

    def _note(self, row: int | None, column: str) -> str:
        texts = self.texts(row, WHOLE_ROW) if row is not None else []
        for field in FIELDS.values():
            if self.value(row, column, field) is not None:
                prefix = "" if field == "values" else f"{field}: "
                texts += [prefix + text for text in self.texts(row, column, field)]
        return "; ".join(dict.fromkeys(texts))

    def _is_shown(self, finding: Finding) -> bool:
        """True if a finding is about a column that is here."""
        return finding.column in {*self.columns, WHOLE_ROW} or (
            finding.column == AVERAGE and self.has_average
        )


def prose(name: str) -> list[str]:
    """One line for each sentence or p-value of a publication that the paper's tables contradict."""
    lines = [
        f"Printed p {finding.printed:.1e} of {finding.column}: {finding.says}."
        for finding in findings(name)
        if finding.field == P_VALUE
    ]
    return lines + [
        f"The paper says ({entry['place']}): {entry['sentence']}. Its tables say: {entry['says']}."
        for entry in sentences(name)
    ]


def _rows_by_arm(source: Source, grid: Grid, frame: pd.DataFrame) -> dict[tuple[str, str, str], int | None]:
    configs = {run.run_id: run.config for run in grid.runs}
    return {
        (str(model), str(variant), str(methods)): published.row_of(
            source, configs[str(block["run_id"].iloc[0])]
        )
        for (model, variant, methods), block in frame.groupby(["model", "variant", "methods"], sort=False)
    }
