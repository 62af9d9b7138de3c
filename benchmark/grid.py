"""Grids: a sweep file's declared axes, narrowed by the user, expanded into the configurations of runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from omegaconf import OmegaConf, open_dict

from benchmark.config import ROOT, plain, register, run_id
from benchmark.errors import BenchmarkError, unknown


@dataclass(frozen=True)
class Cell:
    """One run of a grid: where it stands on the axes, its configuration, and what to type to run it."""

    config: dict[str, Any]
    overrides: tuple[str, ...]
    run_id: str

    @property
    def command(self) -> str:
        """The command that runs this cell alone."""
        return "python -m benchmark " + " ".join(f"'{o}'" if "[" in o else o for o in self.overrides)


@dataclass(frozen=True)
class Grid:
    """The runs of a table, with the table's own declarations and how its axes were changed."""

    name: str
    table: dict[str, Any]
    axes: dict[str, list[str]]
    changed: dict[str, list[str]]
    cells: list[Cell]


def tables() -> list[str]:
    """The names of all sweep files, e.g. ``noisytune/table2``; those in ``wandb`` are W&B's own."""
    folder = ROOT / "sweeps"
    names = (str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml"))
    return sorted(name for name in names if not name.startswith("wandb/"))


def load(name: str, changes: Iterable[str] = ()) -> Grid:
    """The grid of the sweep file ``name`` with its axes narrowed or changed by Hydra overrides.

    Raises: BenchmarkError for a table, key or value that does not exist, or an axis without values.
    """
    if name not in tables():
        raise unknown("table", name, tables(), "sweeps/")
    register()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        sweep = [f"+sweeps={name}"]
        declared = compose("config", sweep, return_hydra_config=True)
        params = declared.hydra.sweeper.params or {}
        stated = axes(f"{key}={value}" for key, value in params.items())
        changed = axes(changes)
        cells = list(_cells(sweep, stated | changed))
        table = OmegaConf.to_container(declared.table, resolve=True) if declared.table else {}
    assert isinstance(table, dict)
    return Grid(name, {str(k): v for k, v in table.items()}, stated | changed, changed, cells)


def axes(overrides: Iterable[str]) -> dict[str, list[str]]:
    """The values of every override, in Hydra's sweep syntax (``1,2``, ``range(1,6)``, ``[],[noisytune]``).

    Raises: BenchmarkError for an axis without values, or with a pattern (``glob(*)``) in their place.
    """
    found = {}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key = override.get_key_element()
        if isinstance(override.value(), Glob):
            raise BenchmarkError(f"{override.input_line}: name the values themselves, as in {key}=ONE,OTHER")
        values = [value.split("=", 1)[1] for value in _spelt_out(override)]
        if not values:
            raise BenchmarkError(f"{override.input_line}: names no value")
        found[key] = values
    return found


def _spelt_out(override: Override) -> list[str]:
    key = override.get_key_element()
    if override.is_sweep_override():
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    return [f"{key}={override.get_value_element_as_str()}"]


def _cells(sweep: list[str], axes: dict[str, list[str]]) -> Iterable[Cell]:
    """Compose once per combination of everything but the seed: composing costs most of a plan's time."""
    seeds = [_seed(value) for value in axes.get("seed", ["1"])]
    others = {key: values for key, values in axes.items() if key != "seed"}
    for combination in itertools.product(*others.values()):
        chosen = [f"{key}={value}" for key, value in zip(others, combination, strict=True)]
        composed = compose("config", [*sweep, *chosen])
        fixed = [f"protocol={composed.protocol.name}"] if "protocol" not in others else []
        with open_dict(composed):
            composed.table = None
        for seed in seeds:
            composed.seed = seed
            config = plain(composed)
            yield Cell(config, (*fixed, *chosen, f"seed={seed}"), run_id(config))


def _seed(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise BenchmarkError(f"seed={value}: a seed is a whole number") from None
