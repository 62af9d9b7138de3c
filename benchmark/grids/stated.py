"""The declaration of a sweep file, read from the file alone, or composed by Hydra."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmark.config import written
from benchmark.config.conforming import Unsure, conforming
from benchmark.config.table import Table
from benchmark.errors import BenchmarkError

OPEN = re.compile(r"\$\{|\?\?\?")  # interpolations, and missing values
Declared = tuple[dict[str, Any], dict[str, Any]]  # a table, and the sweeper's parameters


def as_written(name: str, path: Path) -> Declared | None:
    """The declaration of a sweep file that needs nothing from other files.

    None if only Hydra can compose it.
    """
    read, header = written.content(path, "sweeps")
    if header.get("package") != "_global_":
        return None
    try:
        params = _plain(
            OmegaConf.select(OmegaConf.create({"hydra": read.get("hydra")}), "hydra.sweeper.params")
        )
        return _typed(name, read.get("table") or {"title": name}), params
    except (OmegaConfBaseException, BenchmarkError):
        return None  # Hydra says what is wrong


def _typed(name: str, stated: Any) -> dict[str, Any]:
    """A table as it is stated, with the schema's types."""
    with suppress(Unsure):
        table = conforming(Table, stated)
        if not OPEN.search(str(table)):
            return {str(key): value for key, value in table.items()}
    node = OmegaConf.merge(OmegaConf.structured(Table), stated)
    assert isinstance(node, DictConfig)
    return _declaration(name, node)


def composed(name: str, search: Sequence[str]) -> Declared:
    """The declaration of a sweep file as Hydra composes it. Raises: BenchmarkError for a mandatory value that is missing."""
    sweep = compose("config", [*search, f"+sweeps={name}"], return_hydra_config=True)
    node = sweep.table if sweep.table is not None else OmegaConf.structured(Table(title=name))
    return _declaration(name, node), _plain(sweep.hydra.sweeper.params)


def _plain(node: DictConfig | None) -> dict[str, Any]:
    container = OmegaConf.to_container(node, resolve=True) if node else {}
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def _declaration(name: str, node: DictConfig) -> dict[str, Any]:
    if missing := sorted(OmegaConf.missing_keys(node)):
        raise BenchmarkError(f"sweeps/{name}: no value for table.{missing[0]}")
    return _plain(node)
