"""Grids: a sweep file's declared axes, narrowed by the user, expanded into the configurations of runs."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from benchmark.config.compose import register
from benchmark.config.identity import run_id
from benchmark.config.schema import RunConfig
from benchmark.config.table import Table
from benchmark.errors import BenchmarkError, unknown
from benchmark.grids import declaration, parts, rectangles, smoke
from benchmark.grids.rectangles import Axes, axes
from benchmark.places import ROOT

__all__ = ["Grid", "PlannedRun", "axes", "load", "tables"]


@dataclass(frozen=True)
class PlannedRun:
    """One run of a grid: its configuration, where it stands on the axes, and what to type to run it."""

    config: RunConfig
    overrides: tuple[str, ...]
    run_id: str

    @property
    def command(self) -> str:
        """The command that makes this run alone."""
        return f"python -m benchmark {shlex.join(self.overrides)}"


@dataclass(frozen=True)
class Grid:
    """The runs of a table, with the table's own declarations and how its axes were changed.

    ``axes`` has the values of every axis, and ``declared`` those it had before it was changed; the runs
    need not be all their combinations.
    """

    name: str
    table: dict[str, Any]
    axes: Axes
    changed: Axes
    runs: list[PlannedRun]
    declared: Axes = field(default_factory=dict)


def tables() -> list[str]:
    """The names of all sweep files, e.g. ``noisytune/table2``; those in ``wandb`` are W&B's own."""
    folder = ROOT / "sweeps"
    names = (str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml"))
    return sorted(name for name in names if not name.startswith("wandb/"))


def load(name: str, changes: Iterable[str] = (), small: bool = False) -> Grid:
    """The grid of the sweep file ``name`` with its axes narrowed or changed by Hydra overrides.

    With ``small`` it is the table's smoke run; a table without runs is the same either way. Raises:
    BenchmarkError for a table, key or value that does not exist, a declaration that does not fit its grid, or
    an axis without values.
    """
    if name not in tables():
        raise unknown("table", name, tables(), "sweeps/")
    register()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        sweep = compose("config", [f"+sweeps={name}"], return_hydra_config=True)
        table = _declaration(name, sweep)
        declared = rectangles.declared(sweep.hydra.sweeper.params or {}, table["grids"])
        declaration.check(name, table, declared)
        changes = list(changes)
        changed = axes(changes)
        if table["static"]:
            return Grid(name, table, {}, changed, [])
        grid = rectangles.narrowed(declared, changed)
        fixed = _fixed(ROOT / "sweeps" / f"{name}.yaml")
        if small:
            grid, table, fixed = (
                smoke.shrunk(grid, table),
                smoke.declaration(table),
                {"protocol": smoke.PROTOCOL},
            )
        runs = {run.overrides: run for rectangle in grid for run in _runs(name, fixed, rectangle)}
    if not runs:
        raise BenchmarkError(f"{name}: no run is left of its grid with {shlex.join(changes) or 'no change'}")
    whole = rectangles.merged(declared)
    return Grid(name, table, rectangles.merged(grid), changed, list(runs.values()), whole)


def _declaration(name: str, sweep: DictConfig) -> dict[str, Any]:
    node = sweep.table if sweep.table is not None else OmegaConf.structured(Table(title=name))
    if missing := sorted(OmegaConf.missing_keys(node)):
        raise BenchmarkError(f"sweeps/{name}: no value for table.{missing[0]}")
    table = OmegaConf.to_container(node, resolve=True)
    assert isinstance(table, dict)
    return {str(key): value for key, value in table.items()}


def _fixed(path: Path) -> dict[str, str] | None:
    """The choices that a sweep file makes for all its runs, by group; None if it does anything else to them."""
    stated = yaml.safe_load(path.read_text())
    if set(stated) - {"defaults", "hydra", "table"}:
        return None
    choices = {}
    for entry in stated.get("defaults", ()):
        key, choice = next(iter(entry.items())) if isinstance(entry, dict) else (entry, None)
        if (
            not key.startswith("override /")
            or not isinstance(choice, str)
            or key.startswith("override /hydra")
        ):
            return None
        choices[key.removeprefix("override /")] = choice
    return choices


def _runs(name: str, fixed: dict[str, str] | None, axes: Axes) -> Iterable[PlannedRun]:
    """Put together once per combination of everything but the seed."""
    seeds = [_seed(value) for value in axes.get("seed", ["1"])]
    others = {key: values for key, values in axes.items() if key != "seed"}
    groups = {key for key in others if parts.is_group(key)}
    for combination in itertools.product(*others.values()):
        at = dict(zip(others, combination, strict=True))
        chosen = [f"{key}={value}" for key, value in at.items()]
        if fixed is None:
            shared = [f"+sweeps={name}"]
            configs = parts.whole([*shared, *chosen], seeds)
        else:
            shared = [f"{key}={value}" for key, value in fixed.items() if key not in at]
            choices = {key: value for key, value in (fixed | at).items() if key in groups or key in fixed}
            configs = composed(choices, [f"{k}={v}" for k, v in at.items() if k not in groups], seeds)
        for seed, config in zip(seeds, configs, strict=True):
            yield PlannedRun(config, (*shared, *chosen, f"seed={seed}"), run_id(config))


def composed(choices: dict[str, str], values: list[str], seeds: list[int]) -> list[RunConfig]:
    """One configuration per seed, from parts where that can be and else as a whole; Hydra has to be initialised."""
    try:
        return parts.configurations(choices, values, seeds)
    except Exception:  # whatever is wrong, Hydra says it best of the whole
        return parts.whole([*(f"{k}={v}" for k, v in choices.items()), *values], seeds)


def _seed(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise BenchmarkError(f"seed={value}: a seed is a whole number") from None
