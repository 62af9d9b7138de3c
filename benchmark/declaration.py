"""What a sweep file says about its table beside the grid: title, layout, published rows, claims, needs.

A *selector* is a mapping from axes to values, ``{method: [noisytune], model: roberta_base}``, and stands
for the runs that have all of them; a list is any of its values, except under ``method``, where it is the
methods of one run (and a list of lists any of these). See `benchmark/selectors.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from benchmark.errors import BenchmarkError, unknown
from benchmark.selectors import Rectangle, check_selector, values_of

KINDS = ("table", "lines", "box", "bars", "heat", "histogram")
STATISTICS = ("mean", "std", "max", "p_value")
QUANTITIES = ("score", "std", "max", "gap", "loss", "memory")  # and probe/NAME
NEEDS = ("probe", "evaluation")
EVERY_COLUMN, AVERAGE = "every column", "average"


@dataclass
class Column:
    """A column of a table: the mean of ``report`` (as in a protocol) on the runs of ``tasks``, less ``minus``.

    Of several tasks each makes rows of its own, if the layout's rows have ``task``.
    """

    tasks: list[str] = MISSING
    report: list[str] = MISSING
    minus: list[str] = field(default_factory=list)
    label: str = ""


@dataclass
class Layout:
    """How the paper shows it: ``kind`` of display, and which axes of the grid make what of it.

    Axes are keys of the grid, ``column`` (of the table), ``layer`` or ``step``. ``x_without`` is the x of
    runs that do not state the axis, such as plain fine-tuning for a method's strength.
    """

    kind: str = "table"
    rows: list[str] = field(default_factory=lambda: ["model", "method"])
    x: str = "column"
    x_without: float | None = None
    y: str = "score"
    series: list[str] = field(default_factory=list)
    panels: list[str] = field(default_factory=list)
    statistic: list[str] = field(default_factory=lambda: ["mean"])


@dataclass
class Claim:
    """What a paper says its table shows: runs ``better`` (or ``lower``) are above (below) those of ``than``.

    Runs are compared with those that equal them in every axis that both have and neither side names. A
    side's value is the mean over the tasks it names; of several values of another axis every pair has to
    hold.
    ``where`` is ``every column``, ``average``, some columns, or a number of columns that is enough. ``of`` is
    what is compared; with ``gain_over`` it is its gain over those runs.
    """

    says: str = MISSING
    better: dict[str, Any] = field(default_factory=dict)
    lower: dict[str, Any] = field(default_factory=dict)
    than: dict[str, Any] = MISSING
    where: Any = EVERY_COLUMN
    of: str = "score"
    gain_over: dict[str, Any] = field(default_factory=dict)


@dataclass
class PublishedRow:
    """Which runs (``cells``, a selector) a row of the publication shows; ``row`` names it by its keys."""

    row: dict[str, Any] = MISSING
    cells: dict[str, Any] = MISSING


@dataclass
class StandIns:
    """What a smoke run takes where the embedded encoder and tasks have not the form of the table's.

    ``tasks`` are embedded tasks by the table's own, whose ``task.setting`` they have, and ``sets`` their evaluation
    sets by the table's.
    """

    model: str = "embedded"
    tasks: dict[str, str] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)


@dataclass
class Table:
    """The ``table`` of a sweep file.

    ``grids`` are further rectangles of runs, each the sweeper's parameters with some changed, or left out
    by null; `python -m benchmark +sweeps=…` knows the sweeper's alone. ``search``
    are axes to choose over, per model, task and method, before anything is reported. ``needs`` is what
    the table cannot be made without and the project does not have yet: ``{probe: …}``, ``{evaluation: …}``.
    ``stand_ins`` are for its smoke run. ``cost`` adds what each method costs in time and memory.
    """

    title: str = MISSING
    published: str | None = None
    published_models: dict[str, str] = field(default_factory=dict)
    published_methods: dict[str, str] = field(default_factory=dict)
    published_rows: list[PublishedRow] = field(default_factory=list)
    grids: list[dict[str, Any]] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    search: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    needs: list[dict[str, str]] = field(default_factory=list)
    stand_ins: StandIns = field(default_factory=StandIns)
    smoke: bool = False
    cost: bool = False


def check(name: str, table: dict[str, Any], grid: Sequence[Rectangle]) -> None:
    """Refuse a declaration that speaks of what its grid does not have.

    Raises: BenchmarkError naming the table, the place in it, and what would be valid.
    """
    where = f"sweeps/{name}"
    _check_layout(table["layout"], where)
    for need in table["needs"]:
        for kind in need:
            _one_of("need", kind, NEEDS, where)
    for key, column in table["columns"].items():
        for task in column["tasks"]:
            _one_of("task", task, values_of("task", grid), f"{where}, column {key!r}")
    for row in table["published_rows"]:
        check_selector(row["cells"], grid, f"{where}, published row {row['row']}")
    for number, claim in enumerate(table["claims"], 1):
        _check_claim(claim, table, grid, f"{where}, claim {number}")


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
    _quantity(claim["of"], place)
    where, columns = claim["where"], list(table["columns"]) or values_of("task", grid)
    if isinstance(where, int):
        if not 1 <= where <= len(columns):
            raise BenchmarkError(f"{place}: where: {where} columns, and the table has {len(columns)}")
    elif isinstance(where, str):
        _one_of("place", where, (EVERY_COLUMN, AVERAGE), place)
    else:
        for column in where:
            _one_of("column", column, columns, place)


def _quantity(name: str, where: str) -> None:
    if not name.startswith("probe/"):
        _one_of("quantity", name, QUANTITIES, where)


def _one_of(kind: str, name: str, valid: Sequence[str], where: str) -> None:
    if name not in valid:
        raise unknown(kind, name, valid, where)
