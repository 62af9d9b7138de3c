"""Validation of many configurations: the runs of a grid share their parts, so that few have to be looked at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import is_dataclass
from typing import Any

from benchmark.config.ranges import check_seeds
from benchmark.config.schema import RunConfig
from benchmark.config.validation import validate

APART = ("seed", "seeds", "method")  # keys that differ between runs whose other parts are the same


def validate_all(configs: Collection[RunConfig]) -> None:
    """Validate every configuration, each combination of parts once. Raises: BenchmarkError for the first fault."""
    parts, methods = set[tuple[Any, ...]](), set[str]()
    for config in configs:
        check_seeds(config)
        of_this = tuple(_key(value) for name, value in vars(config).items() if name not in APART)
        if of_this not in parts or not methods.issuperset(config.method):
            validate(config)
            parts.add(of_this)
            methods.update(config.method)


def _key(value: Any) -> Any:
    """A part that can be looked up: a shared object by its identity, a dictionary of plug-ins by their names."""
    if isinstance(value, dict):
        return tuple(value)
    return id(value) if is_dataclass(value) else value
