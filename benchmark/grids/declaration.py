"""Checks of a table's declaration: it may only name things that its grid has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.config.table import KINDS, READINGS, SHOWN, STATISTICS
from benchmark.config.units import PROBE
from benchmark.errors import unknown
from benchmark.grids import controls
from benchmark.grids.claim_checks import check_claims
from benchmark.grids.selectors import Rectangle, values_of
from benchmark.places import ROOT


def check(name: str, table: dict[str, Any], grid: Sequence[Rectangle]) -> None:
    """Refuse a declaration that names something its grid does not have.

    Raises: BenchmarkError naming the table, the place in it, and the valid names.
    """
    place = f"sweeps/{name}"
    _check_layout(table["layout"], place)
    if table["published"] is not None:
        _check_name("publication", table["published"], publications(), place)
    if table["static"]:
        _check_static(table["static"], place)
    for key, column in table["columns"].items():
        for task in column["tasks"]:
            _check_name("task", task, values_of("task", grid), f"{place}, column {key!r}")
    for name, rule in table["averages"].items():
        for column in _named_by(rule):
            _check_name(
                "column",
                column,
                list(table["columns"]) or values_of("task", grid),
                f"{place}, average {name!r}",
            )
    check_claims(table, grid, place)
    controls.check(table["controls"], table["claims"], grid, place)


def publications() -> list[str]:
    """The names of all files of `results/published/`, e.g. ``hype/table8``."""
    folder = ROOT / "results" / "published"
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.yaml"))


def _check_layout(layout: dict[str, Any], place: str) -> None:
    _check_name("kind of layout", layout["kind"], KINDS, place)
    _check_quantity(layout["y"], place)
    for statistic in layout["statistic"]:
        _check_name("statistic", statistic, STATISTICS, place)


def _check_static(static: dict[str, Any], place: str) -> None:
    for key, cell in static["cells"].items():
        _check_name("reading", cell["read"], READINGS, f"{place}, cell {key!r}")
    for exception in static["apart"]:
        _check_name("cell", exception["cell"], list(static["cells"]), f"{place}, apart")
        for key, value in exception["row"].items():
            _check_name("key", key, list(static["rows"]), f"{place}, apart {exception['row']}")
            _check_name(key, str(value), list(static["rows"][key]), f"{place}, apart {exception['row']}")


def _named_by(rule: Any) -> list[str]:
    """The columns that an averaging rule names."""
    return [name for part in rule for name in _named_by(part)] if isinstance(rule, list) else [str(rule)]


def _check_quantity(name: str, place: str) -> None:
    if not name.startswith(PROBE):
        _check_name("quantity", name, SHOWN, place)


def _check_name(kind: str, name: str, valid: Sequence[str], place: str) -> None:
    if name not in valid:
        raise unknown(kind, name, valid, place)
