"""Grids: a sweep file's axes, narrowed by the user and expanded into planned runs."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import yaml
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from benchmark.config import written
from benchmark.config.compose import composing
from benchmark.config.identity import COUNTED, run_ids
from benchmark.config.overrides import as_written
from benchmark.config.own_model import with_own_choice
from benchmark.config.schema import RunConfig
from benchmark.config.searchpath import folders, parted
from benchmark.config.validated_once import validate_all
from benchmark.errors import BenchmarkError, unknown
from benchmark.grids import declaration, parts, rectangles, searching, smoke, stated
from benchmark.grids.rectangles import Axes, axes, override_of
from benchmark.progress import hearer, silence

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # about ten times as fast, if PyYAML was built with it
REFUSALS = (parts.Elsewhere, BenchmarkError, HydraException, OmegaConfBaseException)
AT_ONCE = 1000  # seeds whose runs are composed between two reports of progress
__all__ = ["Grid", "PlannedRun", "axes", "claiming", "load", "tables"]


@dataclass(frozen=True)
class PlannedRun:
    """One run of a grid: its configuration, its command-line overrides and its id."""

    config: RunConfig
    overrides: tuple[str, ...]
    run_id: str

    @property
    def command(self) -> str:
        """The command that makes this run alone."""
        return f"python -m benchmark {shlex.join(self.overrides)}"


@dataclass(frozen=True)
class Grid:
    """The planned runs of a table, with its declaration and its axes.

    ``changed`` has the user's changes, ``axes`` the values of every axis after them and ``declared`` the values
    before. The runs need not be all combinations of these values. ``search`` is the override of the search path.
    """

    name: str
    table: dict[str, Any]
    axes: Axes
    changed: Axes
    runs: list[PlannedRun]
    declared: Axes = field(default_factory=dict)
    search: tuple[str, ...] = ()


def tables(overrides: Iterable[str] = ()) -> list[str]:
    """The names of all sweep files, e.g. ``noisytune/table2``, without W&B's own in ``wandb``.

    With ``hydra.searchpath`` among the overrides, those of its folders are included.
    """
    return sorted(_files(parted(list(overrides))[0]))


def claiming(overrides: Iterable[str] = ()) -> list[str]:
    """The names of sweep files that declare claims, or may do so."""
    return sorted(name for name, path in _files(parted(list(overrides))[0]).items() if _may_claim(path))


def _may_claim(path: Path) -> bool:
    try:
        return bool(yaml.load(path.read_text(), LOADER)["table"]["claims"])
    except KeyError:
        return False
    except (TypeError, ValueError, yaml.YAMLError):
        return True


def _files(search: Sequence[str]) -> dict[str, Path]:
    """The sweep files by name; between two of one name, Hydra takes the first folder's."""
    files: dict[str, Path] = {}
    for folder in folders(search):
        for path in (folder / "sweeps").rglob("*.yaml"):
            name = str(path.relative_to(folder / "sweeps").with_suffix(""))
            if not name.startswith("wandb/"):
                files.setdefault(name, path)
    return files


def load(name: str, changes: Iterable[str] = (), small: bool = False) -> Grid:
    """The grid of a sweep file, its axes narrowed, changed or searched by overrides.

    With ``small`` it is the table's smoke run; a table without runs stays the same. Raises: BenchmarkError for
    a table, key or value that does not exist, a declaration that does not fit its grid, an axis without
    values, or changes that leave no run.
    """
    search, changes = parted(as_written(with_own_choice(list(changes))))
    files = _files(search)
    if not name:
        raise BenchmarkError("no table is named: make … TABLE=demo/noisytune, or another file of sweeps/")
    if name not in files:
        raise unknown("table", name, files, "sweeps/")
    with composing():
        fixed = _fixed_choices(files[name])
        table, params = (fixed is not None and stated.as_written(name, files[name])) or stated.composed(
            name, search
        )
        declared = rectangles.declared(params, table["grids"])
        declaration.check(name, table, declared)
        changed = axes(changes)
        wanted = searching.requested(changed)
        own = {key: values for key, values in changed.items() if key != searching.KEY}
        if table["static"]:
            return Grid(name, table, {}, own, [], search=search)
        grid = rectangles.narrowed(declared, own)
        _check_places(rectangles.merged(grid))
        if small:
            grid, table, fixed = (
                smoke.shrunk(grid, table, search),
                smoke.declaration(table, search),
                {"protocol": smoke.PROTOCOL},
            )
        if wanted:
            first = partial(_first, name, fixed, search)
            grid, keys = searching.searched(wanted, grid, declared, table["search"], first)
            table = table | {"search": keys}
        runs = _runs_of(grid, partial(planned_runs, name, fixed, search=search))
    if not runs:
        raise BenchmarkError(f"{name}: no run is left of its grid with {shlex.join(changes) or 'no change'}")
    configs = [run.config for run in runs.values()]
    validate_all(configs)
    declaration.check_runs(name, table, configs, declared)
    _check_models(runs.values())
    whole = rectangles.merged(declared)
    changed = own | ({searching.KEY: [wanted.text]} if wanted else {})
    return Grid(name, table, rectangles.merged(grid), changed, list(runs.values()), whole, search)


def _runs_of(
    grid: Sequence[Axes], planned: Callable[[Axes], Iterable[PlannedRun]]
) -> dict[tuple[str, ...], PlannedRun]:
    """The runs of all rectangles by their overrides; one that several rectangles have is there once."""
    runs: dict[tuple[str, ...], PlannedRun] = {}
    tell, total = hearer(silence), sum(prod(map(len, rectangle.values())) for rectangle in grid)
    for number, run in enumerate(run for rectangle in grid for run in planned(rectangle)):
        tell("runs composed", number, total)
        runs[run.overrides] = run
    return runs


def _first(name: str, fixed: dict[str, str] | None, search: tuple[str, ...], rectangle: Axes) -> RunConfig:
    """The configuration of a rectangle's first run."""
    alone = {key: values[:1] for key, values in rectangle.items()}
    return next(iter(planned_runs(name, fixed, alone, search))).config


def _fixed_choices(path: Path) -> dict[str, str] | None:
    """A sweep file's choices by group; None if it changes its runs in other ways."""
    read, _ = written.content(path, "sweeps")
    if set(read) - {"defaults", "hydra", "table"}:
        return None
    choices = {}
    for entry in read.get("defaults", ()):
        key, choice = next(iter(entry.items())) if isinstance(entry, dict) else (entry, None)
        if (
            not key.startswith("override /")
            or not isinstance(choice, str)
            or key.startswith("override /hydra")
        ):
            return None
        choices[key.removeprefix("override /")] = choice
    return choices


def _check_places(axes: Axes) -> None:
    """Refuse several values of what a run's id does not have: a grid would use the first alone."""
    for key, values in axes.items():
        part = key.partition(".")[0]
        if len(values) > 1 and part in RunConfig.__dataclass_fields__ and part not in COUNTED:
            raise BenchmarkError(
                f"{key}={','.join(values)}: one value for a grid, as a run with another has the same id"
            )


def _check_models(runs: Iterable[PlannedRun]) -> None:
    """Raises: BenchmarkError for two folders of one name: the scores of their models would be averaged."""
    chosen: dict[str, str] = {}
    for run in runs:
        for choice in run.overrides:
            if choice.startswith("model=") and chosen.setdefault(run.config.model.name, choice) != choice:
                raise BenchmarkError(
                    f"two models have the name {run.config.model.name!r}: {chosen[run.config.model.name]} and "
                    f"{choice}; rename a folder, or give each a file in conf/model/"
                )


def planned_runs(
    name: str, fixed: dict[str, str] | None, axes: Axes, search: tuple[str, ...]
) -> Iterable[PlannedRun]:
    """The planned runs of a rectangle, composed once per combination without the seed."""
    seeds = [_seed(value) for value in axes.get(rectangles.SEED, ["1"])]
    unseeded = {key: values for key, values in axes.items() if key != rectangles.SEED}
    groups = {key for key in unseeded if parts.is_group(key)}
    for combination in itertools.product(*unseeded.values()):
        values = dict(zip(unseeded, combination, strict=True))
        chosen = [override_of(key, value) for key, value in values.items()]
        if fixed is None:
            shared = [f"+sweeps={name}"]
            configurations = partial(parts.whole, [*search, *shared, *chosen])
        else:
            shared = [f"{key}={value}" for key, value in fixed.items() if key not in values]
            choices = {key: value for key, value in (fixed | values).items() if key in groups or key in fixed}
            others = [override_of(key, value) for key, value in values.items() if key not in groups]
            configurations = partial(composed, choices, others, search=search)
        for first in range(0, len(seeds), AT_ONCE):
            some = seeds[first : first + AT_ONCE]
            configs = configurations(some)
            for seed, config, name_of_run in zip(some, configs, run_ids(configs), strict=True):
                yield PlannedRun(config, (*shared, *chosen, f"seed={seed}"), name_of_run)


def composed(
    choices: dict[str, str], values: list[str], seeds: Sequence[int], search: tuple[str, ...] = ()
) -> list[RunConfig]:
    """One configuration per seed, from parts if possible, else composed as a whole.

    Needs Hydra to be initialised. Refusals are Hydra's own.
    """
    try:
        return parts.configurations(choices, values, seeds, search)
    except REFUSALS:  # composing the whole again lets Hydra give its own, clearer message
        return parts.whole([*search, *(f"{k}={v}" for k, v in choices.items()), *values], seeds)


def _seed(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise BenchmarkError(f"seed={value}: a seed is a whole number") from None
