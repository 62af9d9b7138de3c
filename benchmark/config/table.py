"""A sweep file's declaration of its table beside the grid: title, layout, columns, claims. See `sweeps/README.md`.

A *selector* is a mapping from axes to values, ``{method: [noisytune], model: roberta_base}``, and stands
for the runs that have all of them; a list is any of its values, except under ``method``, where it is the
methods of one run (and a list of lists any of these). See `benchmark/grids/selectors.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

KINDS = ("table", "lines", "box", "bars", "heat", "histogram")
STATISTICS = ("mean", "std", "max", "p_value")
QUANTITIES = ("score", "std", "max", "loss", "memory")  # and probe/NAME, probe/NAME/ARRAY
READINGS = ("value", "size", "metric", "outputs", "labels", "length", "warmup")
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
    runs that do not state the axis, such as plain fine-tuning for a method's strength. ``by_language`` shows
    columns that are means over languages by language as well.
    """

    kind: str = "table"
    rows: list[str] = field(default_factory=lambda: ["model", "method"])
    x: str = "column"
    x_without: float | None = None
    y: str = "score"
    series: list[str] = field(default_factory=list)
    panels: list[str] = field(default_factory=list)
    statistic: list[str] = field(default_factory=lambda: ["mean"])
    by_language: bool = False


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
class Counterpart:
    """Where our configuration has what a paper prints in a cell.

    That is at a dotted path into the run that ``overrides`` compose, and ``read`` says what is made of what stands
    there: see `benchmark/report/static.py`. ``split`` is for the size of another split than that.
    """

    at: str = MISSING
    read: str = "value"
    label: str = ""
    overrides: list[str] = field(default_factory=list)
    split: str | None = None


@dataclass
class Apart:
    """A cell of a row (named by its keys) that has its counterpart elsewhere, or may differ, and why."""

    cell: str = MISSING
    row: dict[str, Any] = field(default_factory=dict)
    at: str = ""
    because: str = ""


@dataclass
class Static:
    """A table of settings and data, which has no runs: our configuration beside what the paper prints.

    ``rows`` gives, by key and value of the printed rows, the overrides that they stand for, and ``cells`` what
    is compared in each. Without ``rows`` the publication is one row, and ``cells`` are dotted paths into it.
    """

    overrides: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    cells: dict[str, Counterpart] = MISSING
    apart: list[Apart] = field(default_factory=list)


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
    by null. ``published`` names a file of `results/published/`, whose rows say by selectors (``runs``) which runs
    they show. ``averages`` are rules by name for averages beside the paper's own: columns, or lists of rules
    whose mean is meant. ``search`` are axes to choose over, per model, task and method, before anything is
    reported. ``stand_ins`` are for its smoke run. ``cost`` adds what each method costs in time and memory. A table
    that is ``static`` has no runs.
    """

    title: str = MISSING
    published: str | None = None
    grids: list[dict[str, Any]] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)
    averages: dict[str, Any] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    search: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    stand_ins: StandIns = field(default_factory=StandIns)
    smoke: bool = False
    cost: bool = False
    static: Static | None = None
