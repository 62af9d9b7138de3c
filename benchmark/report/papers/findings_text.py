"""Findings about printed numbers, as text for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from benchmark.report.papers.base import WHOLE_ROW, Finding
from benchmark.report.papers.counted import divided_by_n
from benchmark.report.papers.findings import findings, sentences
from benchmark.report.published import load, rule_of

WIDTH = 132


def render(names: Sequence[str], spoken: Sequence[str]) -> str:
    """The findings of published tables as text, then sentences of ``spoken``, then counts.

    ``spoken`` are the same tables, or whole papers.
    """
    console = Console(width=WIDTH, color_system=None)
    of_tables = [finding for name in names for finding in findings(name)]
    with console.capture() as captured:
        console.print(_shown(of_tables))
        for line in [*_sentences(spoken), *_counts(names, of_tables)]:
            console.print(line, markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in captured.get().strip("\n").splitlines())


def _shown(of_tables: Sequence[Finding]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Table", "Row", "Column", "Printed", "Finding"):
        shown.add_column(name, justify="right" if name == "Printed" else "left", overflow="fold")
    for finding in of_tables:
        number = "" if finding.printed is None else f"{finding.printed:.2g}" if finding.field == "p" else None
        column = "all" if finding.column == WHOLE_ROW else finding.column
        field = "" if finding.field in ("values", "average", "p") else f" {finding.field}"
        shown.add_row(
            finding.table,
            finding.label,
            f"{column}{field}",
            f"{finding.printed:.2f}" if number is None else number,
            finding.says,
        )
    return shown


def _sentences(names: Sequence[str]) -> list[str]:
    """The sentences of the papers of ``names``, each once, with the tables that contradict it."""
    entries = [
        (name.partition("/")[0], entry["place"], entry["sentence"], entry["says"])
        for name in names
        for entry in sentences(name)
    ]
    lines = [
        f"{paper} {place}: {said}. Tables: {says}." for paper, place, said, says in dict.fromkeys(entries)
    ]
    return ["Sentences that the tables do not bear out", *lines, ""] if lines else []


def _counts(names: Sequence[str], of_tables: Sequence[Finding]) -> list[str]:
    rows = [row for name in names if rule_of(source := load(name)) for row in source["rows"]]
    averages = sum("average_printed" in row for row in rows)
    kinds = Counter(finding.kind for finding in of_tables)
    lines = [f"{kinds.pop('average', 0)} of {averages} printed averages are not the mean of their row."]
    lines += [f"{count} × {kind}" for kind, count in sorted(kinds.items())]
    for paper in dict.fromkeys(name.partition("/")[0] for name in names):
        if told := divided_by_n(paper):
            lines.append(
                f"{paper}: of {told[1]} printed deviations that can be told, n and not n - 1 divides {told[0]}."
            )
    return lines
