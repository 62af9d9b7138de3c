"""Configurations and grids for tests that want some, not to see how Hydra composes them: that is slow."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

from benchmark.config.compose import composing, run_config
from benchmark.config.schema import RunConfig
from benchmark.grids import grid, parts
from benchmark.grids.grid import Grid, PlannedRun

SEED = "seed"


def composed(overrides: Sequence[str]) -> RunConfig:
    """The configuration of one run from parts, as a table's runs are made; Hydra composes where that does not do.

    `test_parts` and `test_grid` compare what both make.
    """
    given = dict(override.split("=", 1) for override in overrides if "=" in override)
    if len(given) == len(overrides):  # else Hydra refuses it, or it is no setting
        with composing():
            choices = {key: value for key, value in given.items() if parts.is_group(key)}
            others = [f"{key}={value}" for key, value in given.items() if key not in {*choices, SEED}]
            try:
                return parts.configurations(choices, others, [int(given.get(SEED, 1))])[0]
            except (*grid.REFUSALS, ValueError):
                pass
    return run_config(*overrides)


@functools.cache
def load(name: str, *changes: str, small: bool = False) -> Grid:
    """The grid of a table, narrowed or changed."""
    return grid.load(name, changes, small)


def combinations(planned: Grid) -> list[PlannedRun]:
    """One run of every combination of a grid's other axes than the seed."""
    first = min((run.config.seed for run in planned.runs), default=0)
    return [run for run in planned.runs if run.config.seed == first]


@functools.cache
def of_two_seeds(name: str) -> Grid:
    """The grid of a table as declared, with two of its seeds."""
    whole = load(name)
    seeds = sorted({run.config.seed for run in whole.runs})[:2]
    written = {SEED: [str(seed) for seed in seeds]} if SEED in whole.axes else {}
    runs = [run for run in whole.runs if run.config.seed in seeds]
    return replace(whole, runs=runs, axes=whole.axes | written, changed=written)
