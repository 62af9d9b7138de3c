"""Hydra's multiruns for a table: one for each rectangle of its grid.

Hydra's sweeper knows a single rectangle of axes, and a grid may have several.
"""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from benchmark.config.compose import composing
from benchmark.config.searchpath import parted
from benchmark.config.validated_once import validate_all
from benchmark.errors import BenchmarkError
from benchmark.grids import grid, rectangles, searching
from benchmark.grids.grid import PlannedRun

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
    axes = rectangles.axes(change for change in of_runs if change not in left_out)
    with composing():
        runs = list(grid.planned_runs("", {}, axes, (*search, *left_out)))
    validate_all([run.config for run in runs])
    return runs


def multiruns(arguments: Sequence[str]) -> list[list[str]]:
    """The command lines that run the grid of ``+sweeps=TABLE``, one for each rectangle.

    A command line comes back unchanged if it names no table, if its table has a single rectangle, or if Hydra
    will refuse it. Raises: BenchmarkError for a change without values.
    """
    of_hydra = [argument for argument in arguments if argument.startswith((TABLE, "hydra.", "hydra/"))]
    if not any(argument.startswith(TABLE) for argument in of_hydra):
        return [list(arguments)]
    try:
        with composing():
            sweep = compose("config", of_hydra, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException):
        return [list(arguments)]
    if sweep.table is None or not sweep.table.grids:
        return [list(arguments)]
    changes = [
        argument
        for argument in arguments
        if "=" in argument and not argument.startswith("-") and argument not in of_hydra
    ]
    declared = rectangles.declared(sweep.hydra.sweeper.params or {}, sweep.table.grids)
    others = [argument for argument in arguments if argument not in changes]
    return [
        [*others, "hydra.sweeper.params=null", *(f"{key}={','.join(values)}" for key, values in axes.items())]
        for axes in rectangles.narrowed(declared, rectangles.axes(changes))
    ]
