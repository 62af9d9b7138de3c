"""Checks of numbers that are printed twice, or computed from others that are printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scipy import stats

from benchmark.report.numbers.frame import average
from benchmark.report.papers.base import Finding, Source, in_row, is_copied, of_paper, seeds_of, training_set
from benchmark.report.published import AVERAGE, load, rule_of

FIELDS = ("values", "std", "max")  # fields of a row's cells
EXACT = 1e-9  # tolerance in printed units, for rounding of the arithmetic itself
FREE = ("protocol.", "data.")  # settings that one table may leave out and another one states
UNSAID = object()


def averages(source: Source) -> Iterator[Finding]:
    """Printed averages that are not the mean of their row."""
    rule, unit = rule_of(source), 10.0 ** -source["decimals"]
    for number, row in enumerate(source["rows"]):
        mean = average(row["values"], rule) if rule else None
        printed = row.get("average_printed")
        if mean is not None and printed is not None and abs(mean - printed) > unit * (1 + EXACT):
            says = f"The mean of its row is {mean:.2f}"
            yield in_row(source, number, "average", says, AVERAGE, "average", printed)


def copied(source: Source) -> Iterator[Finding]:
    """Rows that the paper took from other papers."""
    for number, row in enumerate(source["rows"]):
        if is_copied(row):
            yield in_row(source, number, "copied row", f"Not run by this paper: {row['origin']}")


def two_values(source: Source) -> Iterator[Finding]:
    """Numbers that another table of the paper prints with another value, or for more seeds."""
    for number, row in enumerate(source["rows"]):
        others = [
            (other, theirs)
            for other in of_paper(source["paper"]["key"])
            for theirs in other["rows"]
            if other["id"] != source["id"] and _same_thing(source, row, other, theirs)
        ]
        for field in FIELDS:
            for column, printed in row.get(field, {}).items():
                elsewhere: dict[float, list[str]] = {}
                for other, theirs in others:
                    value = theirs.get(field, {}).get(column, printed)
                    if value != printed:
                        elsewhere.setdefault(value, []).append(f"Table {other['item']['number']}")
                for value, names in elsewhere.items():
                    says = f"Printed as {value:.2f} in {' and '.join(sorted(names))}"
                    yield in_row(source, number, "two values", says, column, field, printed)
        if (most := max((seeds_of(other) for other, _ in others), default=0)) > seeds_of(source) > 0:
            says = f"Said to be of {seeds_of(source)} seeds; another table prints it as of {most}"
            yield in_row(source, number, "two counts", says)


def gaps(source: Source) -> Iterator[Finding]:
    """Printed differences of two columns that are not the difference of their numbers."""
    of_columns = {
        column["key"]: column["difference"] for column in source["columns"] if "difference" in column
    }
    for number, row in enumerate(source["rows"]):
        for column, (above, below) in of_columns.items():
            printed, gap = row["values"][column], row["values"][above] - row["values"][below]
            if abs(gap - printed) > 10.0 ** -source["decimals"] * (1 + EXACT):
                says = f"The difference of its two scores is {gap:.2f}"
                yield in_row(source, number, "gap", says, column, printed=printed)


def p_values(source: Source) -> Iterator[Finding]:
    """Printed p-values that Welch's test cannot give for moments that round to the printed ones."""
    moments = load(source["grid"]["shared_with"])
    sides = [
        next(row for row in moments["rows"] if row["runs"]["method"] == methods)
        for methods in reversed(source["compare"])
    ]
    half, label = 0.5 * 10.0 ** -moments["decimals"], f"{sides[0]['label']} against {sides[1]['label']}"
    for column, printed in source["values"].items():
        means, deviations = ([side[field][column] for side in sides] for field in ("values", "std"))
        low, middle, high = (_welch(means, deviations, seeds_of(moments), by) for by in (half, 0, -half))
        if not low <= printed <= high:
            says = f"Welch's test of the printed moments gives {middle:.1e}"
            yield Finding(source["id"], 0, label, column, "p", printed, "p-value", says)


def _welch(means: list[float], deviations: list[float], n: int, by: float) -> float:
    """Welch's p with every moment moved by ``by`` towards a smaller p."""
    (ours, others), (std, other_std) = means, deviations
    test = stats.ttest_ind_from_stats(ours + by, std - by, n, others - by, other_std - by, n, equal_var=False)
    return float(test.pvalue)


def _same_thing(source: Source, row: dict[str, Any], other: Source, theirs: dict[str, Any]) -> bool:
    """True if two rows are of the same runs, with most means equal."""
    if "runs" not in row or "runs" not in theirs or training_set(source) != training_set(other):
        return False
    if any(source.get(key) != other.get(key) for key in ("benchmark", "split")):
        return False
    ours, others = ({"sigma": entry.get("sigma")} | entry["runs"] for entry in (row, theirs))
    stated = {key for key in {*ours, *others} if not key.startswith(FREE)}
    if any(ours.get(key, UNSAID) != others.get(key, UNSAID) for key in stated):
        return False
    both = row["values"].keys() & theirs["values"].keys()
    return 2 * sum(row["values"][column] == theirs["values"][column] for column in both) > len(both)
