"""Checks of printed accuracies: they are counts of right answers over evaluation sets of known size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from benchmark.report.papers import right_answers
from benchmark.report.papers.base import Finding, Source, in_row, is_copied, of_paper, seeds_of, training_set
from benchmark.report.published import FOLDER

FEW_RUNS = 5  # with more runs, accuracies can have nearly every deviation
APART = 10  # printed units between two possible accuracies; closer ones can have nearly every deviation


@dataclass(frozen=True)
class PrintedAccuracy:
    """A printed accuracy: its place, the number of runs behind it, and the examples of its evaluation set.

    ``elsewhere`` is the size of another evaluation set of that name, or 0.
    """

    row: int
    column: str
    field: str
    printed: float
    decimals: int
    runs: int
    examples: int
    elsewhere: int

    @property
    def possible(self) -> str | None:
        """The way (rounded, cut off) in which a count of right answers gives this number.

        None if none does.
        """
        return right_answers.possible_mean(self.printed, self.runs * self.examples, self.decimals)

    @property
    def only_elsewhere(self) -> bool:
        """True if only the other evaluation set can give the printed number."""
        return not self.possible and bool(
            right_answers.possible_mean(self.printed, self.elsewhere, self.decimals)
        )


def impossible_means(source: Source) -> Iterator[Finding]:
    """Printed accuracies that no count of right answers gives, and rows from another evaluation set."""
    for number, row in enumerate(source["rows"]):
        cells = list(_accuracies(source, number, row))
        elsewhere = [cell for cell in cells if cell.elsewhere]
        if elsewhere and all(cell.only_elsewhere for cell in elsewhere):
            other = _sets()["elsewhere"][source["benchmark"]]
            says = f"Of {other}: no mean over the development set rounds to this"
            yield in_row(source, number, "another evaluation set", says)
            continue
        for cell in cells:
            if cell.possible == right_answers.ROUNDED:
                continue
            runs = f"mean of {cell.runs} runs" if cell.runs > 1 else "run"
            says = f"No {runs} over {cell.examples} examples rounds to this"
            says += "; cut off, one does" if cell.possible == right_answers.CUT_OFF else ""
            yield in_row(source, number, "impossible mean", says, cell.column, cell.field, cell.printed)


def impossible_deviations(source: Source) -> Iterator[Finding]:
    """Printed deviations that no runs with the printed mean have."""
    for cell, deviation, kinds in _deviations(source):
        if not kinds:
            says = f"No {cell.runs} runs over {cell.examples} examples have this mean and deviation"
            yield in_row(source, cell.row, "impossible deviation", says, cell.column, "std", deviation)


@cache
def divided_by_n(paper: str) -> tuple[int, int] | None:
    """The number of printed deviations surely divided by n, and of all checked ones.

    None if all may have been divided by n - 1, or if one surely was. A number that several tables repeat
    counts once.
    """
    checked = {}
    for source in of_paper(paper):
        for cell, deviation, kinds in _deviations(source):
            runs = str(source["rows"][cell.row].get("runs"))
            checked[runs, cell.column, training_set(source), cell.printed, deviation] = kinds
    only = [kinds for kinds in checked.values() if len(kinds) == 1]
    if not only or any(right_answers.SAMPLE in kinds for kinds in only):
        return None
    return len(only), len(checked)


def _deviations(source: Source) -> Iterator[tuple[PrintedAccuracy, float, frozenset[str]]]:
    """Accuracies over few runs, their printed deviations, and the possible kinds of these deviations."""
    for number, row in enumerate(source["rows"]):
        for cell in _accuracies(source, number, row):
            deviation = row.get("std", {}).get(cell.column)
            apart = 100 / cell.examples * 10**cell.decimals
            if (
                cell.field == "values"
                and deviation is not None
                and 1 < cell.runs <= FEW_RUNS
                and apart > APART
            ):
                yield (
                    cell,
                    deviation,
                    right_answers.possible_deviations(
                        cell.printed, deviation, cell.runs, cell.examples, cell.decimals
                    ),
                )


def _accuracies(source: Source, number: int, row: dict[str, Any]) -> Iterator[PrintedAccuracy]:
    """The printed accuracies of a row's own runs on evaluation sets of known size."""
    sets = _sets().get(str(source.get("benchmark")), {})
    if is_copied(row) or str(source.get("split")).startswith("test") or not seeds_of(source):
        return
    for column in (entry["key"] for entry in source["columns"] if entry["metric"] == "accuracy"):
        for field, runs in (("values", seeds_of(source)), ("max", 1)):
            printed = row.get(field, {}).get(column)
            if printed is not None and column in sets:
                sizes = sets[column]["examples"], sets[column].get("elsewhere", 0)
                yield PrintedAccuracy(number, column, field, printed, source["decimals"], runs, *sizes)


@cache
def _sets() -> dict[str, Any]:
    sets: dict[str, Any] = yaml.safe_load((FOLDER / "evaluation_sets.yaml").read_text())
    return sets
