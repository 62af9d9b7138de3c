"""A sweep file's declaration of its table beside the grid: title, layout, columns, claims.

`sweeps/README.md` explains it by example.

A *selector* maps axes to values, as in ``{method: [noisytune], model: roberta_base}``. It stands for the runs
that have all these values. A list means any of its values, except under ``method``: there a list is the
methods of one run, and a list of lists means any of these. In a claim a list of tasks is their mean. See `benchmark/grids/selectors.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from benchmark.config.claim_kinds import Association, Margin, Optimum, PrintedP, Size, Trend

KINDS = ("table", "lines", "box", "bars", "heat", "histogram")
STATISTICS = ("mean", "std", "max", "p_value")
SHOWN = ("score", "std", "max", "loss", "memory", "time")  # by figures, and probe/NAME, probe/NAME/ARRAY
READINGS = ("value", "size", "metric", "outputs", "labels", "length", "warmup")
EVERY_COLUMN, AVERAGE = "every column", "average"
MOST = "most"


@dataclass
class Column:
    """A column of a table: the mean of ``report`` less ``minus``, on runs of ``tasks``.

    ``report`` and ``minus`` name metrics as a protocol's ``report`` does. If the layout's ``rows`` have
    ``task``, each task has rows of its own.
    """

    tasks: list[str] = MISSING
    report: list[str] = MISSING
    minus: list[str] = field(default_factory=list)
    label: str = ""


@dataclass
class Layout:
    """The form of the paper's table or figure: the ``kind`` of display and its axes.

    An axis is a key of the grid, ``column`` (of the table), ``layer`` or ``step``. ``x_without`` is the x of
    runs that do not state the axis, such as plain fine-tuning if x is a method's strength. ``by_language``
    shows columns that are means over languages a second time, language by language.
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
    """A statement of a paper about its table, of one kind: ``says`` is its sentence.

    Values of the runs ``better`` must be above, or values of the runs ``lower`` below, the values of the runs
    ``than``. Other kinds are about ``runs``, see `benchmark/config/claim_kinds.py`. Two runs are compared if they
    agree on every axis that both have and neither side names. A side's value is the mean over the tasks it
    names; a list of lists of tasks is any of these means. If a side names several values of another axis, the claim must hold for every pair. ``where`` is
    ``every column``, ``average``, the name of one of the table's ``averages``, a list of columns, or a number of
    columns that is enough. ``at_least`` is a number of comparisons that is enough, or ``most``.

    ``of`` is the quantity, with its ``unit`` if it is that of a user's own probe. ``depth`` limits a quantity by
    layer to a share of the depth: ``[0.5, 1]`` is the upper half. With ``gain_over``, the claim is about the
    gain over these runs; with ``gain_of``, it is about the gain of these methods over the same run without
    them. ``id`` and ``place`` name the claim and its section in the paper. ``untestable`` is the reason why
    no runs of this benchmark can decide a claim, which then has no kind.
    """

    says: str = MISSING
    id: str = ""
    place: str = ""
    better: dict[str, Any] = field(default_factory=dict)
    lower: dict[str, Any] = field(default_factory=dict)
    than: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)
    trend: Trend | None = None
    optimum: Optimum | None = None
    equivalent: Margin | None = None
    not_worse: Margin | None = None
    size: Size | None = None
    p_value: PrintedP | None = None
    association: Association | None = None
    where: Any = EVERY_COLUMN
    at_least: Any = None
    of: str = "score"
    unit: str = ""
    depth: list[float] = field(default_factory=list)
    gain_over: dict[str, Any] = field(default_factory=dict)
    gain_of: list[str] = field(default_factory=list)
    untestable: str = ""


@dataclass
class Counterpart:
    """The place of a printed cell's value in our configuration.

    ``at`` is a dotted path into the configuration that ``overrides`` compose. ``read`` names the way to turn the
    value there into the printed one, see `benchmark/report/static.py`. ``split`` names another split for a
    size.
    """

    at: str = MISSING
    read: str = "value"
    label: str = ""
    overrides: list[str] = field(default_factory=list)
    split: str | None = None


@dataclass
class Apart:
    """An exception for one cell: a counterpart at another path, or a permitted difference.

    ``row`` names the row by its keys, ``at`` is the other path and ``because`` the reason.
    """

    cell: str = MISSING
    row: dict[str, Any] = field(default_factory=dict)
    at: str = ""
    because: str = ""


@dataclass
class Static:
    """A table of settings and data without runs: our configuration beside the printed values.

    ``rows`` has the overrides of the printed rows, by key and value. ``cells`` are the values to compare in
    each row. Without ``rows`` the publication is one row, and ``cells`` are dotted paths into it.
    """

    overrides: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    cells: dict[str, Counterpart] = MISSING
    apart: list[Apart] = field(default_factory=list)


@dataclass
class StandIns:
    """Embedded replacements in a smoke run, for tables whose form the usual ones lack.

    ``model`` is an embedded encoder. ``tasks`` maps the table's tasks to embedded tasks, which must have the
    same values of ``task.setting``. ``sets`` maps the table's evaluation sets to the embedded ones.
    """

    model: str = "embedded"
    tasks: dict[str, str] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)


@dataclass
class Table:
    """The ``table`` of a sweep file.

    ``grids`` are further rectangles of runs: the sweeper's parameters with some changed, or left out by null.
    ``published`` names a file of `results/published/`, whose rows select their runs by ``runs``. ``averages``
    are rules by name for averages beside the paper's own; a rule is a column, or a list of rules for their
    mean. ``search`` are axes whose best value is chosen, per model, task and method, before reporting.
    ``controls`` are combinations of methods: every claim against plain fine-tuning is judged again with each of
    them in its place. ``stand_ins`` are for the smoke run. ``cost`` adds each method's time and memory. A
    ``static`` table has no runs.
    """

    title: str = MISSING
    published: str | None = None
    grids: list[dict[str, Any]] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)
    averages: dict[str, Any] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    search: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    controls: list[Any] = field(default_factory=list)
    stand_ins: StandIns = field(default_factory=StandIns)
    smoke: bool = False
    cost: bool = False
    static: Static | None = None
