"""Hydra's multiruns for a table: one for each rectangle of its grid.

Hydra's sweeper knows a single rectangle of axes, and a grid may have several.
"""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from benchmark.config.compose import composing
from benchmark.config.own_model import MULTIRUN
from benchmark.config.searchpath import parted
from benchmark.config.validated_once import validate_all
from benchmark.errors import BenchmarkError
from benchmark.grids import grid, rectangles, searching
from benchmark.grids.grid import PlannedRun
from benchmark.grids.rectangles import Axes

TABLE = "+sweeps="


def planned(overrides: Sequence[str]) -> list[PlannedRun] | None:
    """The runs of a multirun: those of its table, or of all combinations of values; None: its sweeper decides.

    Raises: BenchmarkError and Hydra's refusals, for a run that cannot be composed or has a wrong value.
    """
    if any(override.lstrip("+").startswith(("hydra.sweeper", "hydra/sweeper")) for override in overrides):
        return None
    search, given = parted(overrides)
    of_runs = [
        change for change in given if not change.lstrip("+").startswith(("hydra.", "hydra/", "sweeps="))
    ]
    table = next((change.removeprefix(TABLE) for change in given if change.startswith(TABLE)), None)
    if wanted := next((change for change in of_runs if change.startswith(f"{searching.KEY}=")), None):
        raise BenchmarkError(
            f"{wanted}: a table is searched by python -m benchmark.reproduce {table or 'TABLE'} {wanted}"
        )
    if table:
        return grid.load(table, [*search, *of_runs]).runs
    left_out = [change for change in of_runs if change.startswith("~")]
    changes = rectangles.axes(change for change in of_runs if change not in left_out)
    with composing():
        runs = [
            run
            for axes in rectangles.narrowed([{}], changes)
            for run in grid.planned_runs("", {}, axes, (*search, *left_out))
        ]
    validate_all([run.config for run in runs])
    return runs


def multiruns(arguments: Sequence[str]) -> list[list[str]]:
    """The command lines of a table's grid or a multirun, one for each rectangle.

    A command line comes back unchanged if it names a single run, if Hydra's sweeper makes the same runs of it,
    or if Hydra will refuse it. Raises: BenchmarkError for a change without values.
    """
    table = any(argument.startswith(TABLE) for argument in arguments)
    if not table and not MULTIRUN & {*arguments}:
        return [list(arguments)]
    of_hydra = [argument for argument in arguments if argument.startswith((TABLE, "hydra.", "hydra/"))]
    changes = [
        argument
        for argument in arguments
        if "=" in argument and not argument.startswith(("-", "~")) and argument not in of_hydra
    ]
    try:
        declared = _declared(of_hydra) if table else [{}]
    except (HydraException, OmegaConfBaseException):
        return [list(arguments)]
    grid = rectangles.narrowed(declared, rectangles.axes(changes))
    if len(declared) == len(grid) == 1 and not any(change.startswith("+") for change in changes):
        return [list(arguments)]
    # Options stay before or after all overrides.
    first = next(
        n for n, argument in enumerate(arguments) if argument in changes or argument.startswith(TABLE)
    )
    rest = [argument for argument in arguments[first:] if argument not in changes]
    of_table = ["hydra.sweeper.params=null"] * table
    return [
        [
            *arguments[:first],
            *of_table,
            *(rectangles.override_of(key, ",".join(values)) for key, values in axes.items()),
            *rest,
        ]
        for axes in grid
    ]


def _declared(of_hydra: Sequence[str]) -> list[Axes]:
    """The rectangles that the table of a command line declares."""
    with composing():
        sweep = compose("config", list(of_hydra), return_hydra_config=True)
    return rectangles.declared(
        sweep.hydra.sweeper.params or {}, sweep.table.grids if sweep.table is not None else ()
    )
