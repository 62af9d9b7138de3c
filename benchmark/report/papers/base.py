"""Findings about printed numbers, and facts that several checks need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmark.report.published import FOLDER, load

WHOLE_ROW = ""  # stands for all columns of a row
Source = dict[str, Any]  # a published table, as `published.load` gives it


@dataclass(frozen=True)
class Finding:
    """A printed number that other numbers of its paper contradict, with an explanation.

    ``row`` is the number of its row. ``column`` is `WHOLE_ROW` for all of a row. ``field`` is values, std, max,
    average, gap or p. ``kind`` names the check.
    """

    table: str
    row: int
    label: str
    column: str
    field: str
    printed: float | None
    kind: str
    says: str


def in_row(
    source: Source,
    number: int,
    kind: str,
    says: str,
    column: str = WHOLE_ROW,
    field: str = "values",
    printed: float | None = None,
) -> Finding:
    """A finding about row ``number`` of a published table, or about one of its cells."""
    return Finding(source["id"], number, source["rows"][number]["label"], column, field, printed, kind, says)


@cache
def tables() -> tuple[str, ...]:
    """The names of all published tables with rows and columns, or with p-values."""
    names = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.glob("*/*.yaml"))
    return tuple(
        name for name in names if (source := load(name))["columns"] or source.get("statistic") == "p-value"
    )


@cache
def of_paper(paper: str) -> tuple[Source, ...]:
    """All published tables of a paper that have rows and columns."""
    sources = (load(name) for name in tables() if name.startswith(f"{paper}/"))
    return tuple(source for source in sources if source["columns"])


def seeds_of(source: Source) -> int:
    """The number of seeds that a table says it has; 0 if it does not."""
    return int(source.get("seeds", {}).get("count", 0))


def is_copied(row: dict[str, Any]) -> bool:
    """True for a row that the paper took from another one."""
    return "copied" in row.get("origin", "")


def training_set(source: Source) -> Any:
    """The number of training examples a table states; None: whole sets."""
    return source.get("grid", {}).get("train_samples")
