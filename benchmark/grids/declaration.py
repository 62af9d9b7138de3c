"""Checks of a table's declaration: it may only name things that its grid has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.config.table import AVERAGE, EVERY_COLUMN, KINDS, MOST, QUANTITIES, RATES, READINGS, STATISTICS
from benchmark.errors import BenchmarkError, unknown
from benchmark.grids.selectors import Rectangle, check_selector, values_of
from benchmark.places import ROOT


def check(name: str, table: dict[str, Any], grid: Sequence[Rectangle]) -> None:
    """Refuse a declaration that names something its grid does not have.

    Raises: BenchmarkError naming the table, the place in it, and the valid names.
    """
    where = f"sweeps/{name}"
    _check_layout(table["layout"], where)
    if table["published"] is not None:
        _one_of("publication", table["published"], publications(), where)
    if table["static"]:
        _check_static(table["static"], where)
    for key, column in table["columns"].items():
        for task in column["tasks"]:
            _one_of("task", task, values_of("task", grid), f"{where}, column {key!r}")
    for name, rule in table["averages"].items():
        for column in _named_by(rule):
            _one_of(
                "column",
                column,
                list(table["columns"]) or values_of("task", grid),
                f"{where}, average {name!r}",
            )
    for number, claim in enumerate(table["claims"], 1):
        _check_claim(claim, table, grid, f"{where}, claim {number}")


def publications() -> list[str]:
    """The names of all files of `results/published/`, e.g. ``hype/table8``."""
    folder = ROOT / "results" / "published"
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.yaml"))


def _check_layout(layout: dict[str, Any], where: str) -> None:
    _one_of("kind of layout", layout["kind"], KINDS, where)
    _quantity(layout["y"], where)
    for statistic in layout["statistic"]:
        _one_of("statistic", statistic, STATISTICS, where)


def _check_claim(claim: dict[str, Any], table: dict[str, Any], grid: Sequence[Rectangle], place: str) -> None:
    if bool(claim["better"]) == bool(claim["lower"]):
        raise BenchmarkError(
            f"{place}: give either `better` or `lower`, and what it is better or lower `than`"
        )
    for side in ("better", "lower", "than", "gain_over"):
        check_selector(claim[side], grid, f"{place}, {side}")
    if claim["of"] not in RATES:
        _quantity(claim["of"], place)
    elif claim["gain_over"]:
        raise BenchmarkError(f"{place}: of: {claim['of']} is a rate, and has no gain_over")
    enough = claim["at_least"]
    if enough not in (None, MOST) and (type(enough) is not int or enough < 1):
        raise BenchmarkError(
            f"{place}: at_least: {enough!r}; valid: a number of comparisons from 1 on, or {MOST!r}"
        )
    if enough is not None and isinstance(claim["where"], int):
        raise BenchmarkError(
            f"{place}: at_least: {enough} counts comparisons, and where: {claim['where']} columns; give one of them"
        )
    where, columns = claim["where"], list(table["columns"]) or values_of("task", grid)
    if isinstance(where, int):
        if not 1 <= where <= len(columns):
            raise BenchmarkError(f"{place}: where: {where} columns, and the table has {len(columns)}")
    elif isinstance(where, str):
        _one_of("place", where, (EVERY_COLUMN, AVERAGE), place)
    else:
        for column in where:
            _one_of("column", column, columns, place)


def _check_static(static: dict[str, Any], where: str) -> None:
    for key, cell in static["cells"].items():
        _one_of("reading", cell["read"], READINGS, f"{where}, cell {key!r}")
    for one in static["apart"]:
        _one_of("cell", one["cell"], list(static["cells"]), f"{where}, apart")
        for key, value in one["row"].items():
            _one_of("key", key, list(static["rows"]), f"{where}, apart {one['row']}")
            _one_of(key, str(value), list(static["rows"][key]), f"{where}, apart {one['row']}")


def _named_by(rule: Any) -> list[str]:
    """The columns that an averaging rule names."""
    return [name for part in rule for name in _named_by(part)] if isinstance(rule, list) else [str(rule)]


def _quantity(name: str, where: str) -> None:
    if not name.startswith("probe/"):
        _one_of("quantity", name, QUANTITIES, where)


def _one_of(kind: str, name: str, valid: Sequence[str], where: str) -> None:
    if name not in valid:
        raise unknown(kind, name, valid, where)
