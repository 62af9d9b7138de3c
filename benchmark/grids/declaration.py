"""Checks of a table's declaration: it may only name things that its grid has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmark.config.schema import RunConfig
from benchmark.config.scores import check_scores, has_layers
from benchmark.config.table import AVERAGE, EVERY_COLUMN, READINGS
from benchmark.config.units import PROBE, has_panels
from benchmark.errors import BenchmarkError, nearest, unknown
from benchmark.grids import controls
from benchmark.grids.claim_checks import check_claims
from benchmark.grids.layouts import check_layout
from benchmark.grids.selectors import NOT_ROWS, Rectangle, parsed, values_of
from benchmark.places import ROOT


def check(name: str, table: dict[str, Any], grid: Sequence[Rectangle]) -> None:
    """Refuse a declaration that names something its grid does not have.

    Raises: BenchmarkError naming the table, the place in it, and the valid names.
    """
    place = f"sweeps/{name}"
    check_layout(table["layout"], grid, place)
    _check_searched(table["search"], grid, place)
    if table["published"] is not None:
        _check_name("publication", table["published"], publications(), place)
    if table["static"]:
        _check_static(table["static"], place)
    for key, column in table["columns"].items():
        for part in ("tasks", "report"):
            if not column[part]:
                raise BenchmarkError(f"{place}, column {key!r}, {part}: names none")
        for task in column["tasks"]:
            _check_name("task", task, values_of("task", grid), f"{place}, column {key!r}")
    for name, rule in table["averages"].items():
        _check_average(name, rule, list(table["columns"]) or values_of("task", grid), place)
    check_claims(table, grid, place)
    controls.check(table["controls"], table["claims"], grid, place)


def check_runs(
    name: str, table: dict[str, Any], runs: Iterable[RunConfig], grid: Sequence[Rectangle]
) -> None:
    """Refuse scores that the runs do not have, and probes that they do not take.

    Raises: BenchmarkError naming the table, the place in it, and the valid names.
    """
    configs = list(runs)
    for task in {id(config.task): config.task for config in configs}.values():
        for key, column in table["columns"].items():
            if task.name in column["tasks"] and has_layers(task, column["report"]):
                for part in ("report", "minus"):
                    check_scores(
                        column[part], task, f"sweeps/{name}, column {key!r}, {part}, task {task.name}"
                    )
    taken = {probe for config in configs for probe in config.probe} | _probes(grid)
    for part, quantity in _quantities(table):
        probe = quantity.removeprefix(PROBE).partition("/")[0]
        if quantity.startswith(PROBE) and probe not in taken:
            raise BenchmarkError(
                f"sweeps/{name}, {part}: {quantity}: its runs take no probe {probe!r}{nearest(probe, taken)}"
            )


def _probes(grid: Sequence[Rectangle]) -> set[str]:
    """The probes on an axis of a grid, which a user may have taken off its runs."""
    values = [parsed("probe", text) or [] for text in values_of("probe", grid)]
    return {name for value in values for name in ([value] if isinstance(value, str) else value)}


def _quantities(table: dict[str, Any]) -> list[tuple[str, str]]:
    """The quantities that a table shows or claims something about, with the place that names each."""
    layout = table["layout"]
    named = [("layout", name) for name in [*filter(has_panels, layout["panels"])] or [layout["y"]]]
    for number, claim in enumerate(table["claims"], 1):
        named.append((f"claim {number}", claim["of"]))
        named += [(f"claim {number}", claim["association"]["to"])] if claim["association"] else []
    return named


def publications() -> list[str]:
    """The names of all files of `results/published/`, e.g. ``hype/table8``."""
    folder = ROOT / "results" / "published"
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.yaml"))


def _check_searched(searched: Sequence[str], grid: Sequence[Rectangle], place: str) -> None:
    """Refuse a search over no axis, or over one whose values a table compares or averages."""
    keys = dict.fromkeys(key for axes in grid for key in axes)
    for key in searched:
        _check_name("axis", key, [key for key in keys if key not in NOT_ROWS], f"{place}, search")


def _check_average(name: str, rule: Any, columns: Sequence[str], place: str) -> None:
    """Refuse an average with the name of something else, of no column, or of one twice."""
    place = f"{place}, average {name!r}"
    if name in (*columns, EVERY_COLUMN, AVERAGE):
        raise BenchmarkError(
            f"{place}: the name is taken (by {', '.join((*columns, AVERAGE))}); choose another"
        )
    for part in _lists(rule):
        if not part:
            raise BenchmarkError(f"{place}: names no column; valid: {', '.join(columns)}")
        for column in part:
            if not isinstance(column, list):
                _check_name("column", str(column), columns, place)
            if part.count(column) > 1:
                raise BenchmarkError(f"{place}: names {column!r} twice; its mean counts each once")


def _check_static(static: dict[str, Any], place: str) -> None:
    for key, cell in static["cells"].items():
        _check_name("reading", cell["read"], READINGS, f"{place}, cell {key!r}")
    for exception in static["apart"]:
        _check_name("cell", exception["cell"], list(static["cells"]), f"{place}, apart")
        for key, value in exception["row"].items():
            _check_name("key", key, list(static["rows"]), f"{place}, apart {exception['row']}")
            _check_name(key, str(value), list(static["rows"][key]), f"{place}, apart {exception['row']}")


def _lists(rule: Any) -> list[list[Any]]:
    """All lists of an averaging rule, which is a column, or a list of rules."""
    if not isinstance(rule, list):
        return [[rule]]
    return [rule, *(inner for part in rule if isinstance(part, list) for inner in _lists(part))]


def _check_name(kind: str, name: str, valid: Sequence[str], place: str) -> None:
    if name not in valid:
        raise unknown(kind, name, valid, place)
