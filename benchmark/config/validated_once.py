"""Validation of many configurations: the runs of a grid share their parts, so that few have to be looked at."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from benchmark.config.ranges import check_seeds
from benchmark.config.schema import RunConfig
from benchmark.config.validation import validate
from benchmark.progress import hearer, silence

APART = ("seed", "seeds", "method")  # keys that differ between runs whose other parts are the same
SIMPLE = (str, int, float, type(None))


def validate_all(configs: Collection[RunConfig]) -> None:
    """Validate every configuration, each combination of parts once. Raises: BenchmarkError for the first fault."""
    seeds, parts, methods = set[tuple[Any, ...]](), set[tuple[Any, ...]](), set[str]()
    tell = hearer(silence)
    for number, config in enumerate(configs):
        tell("runs checked", number, len(configs))
        of_seeds = (config.seed, *vars(config.seeds).values())
        if of_seeds not in seeds:
            check_seeds(config)
            seeds.add(of_seeds)
        of_this = tuple([_key(value) for name, value in vars(config).items() if name not in APART])
        if of_this not in parts or not methods.issuperset(config.method):
            validate(config)
            parts.add(of_this)
            methods.update(config.method)


def _key(value: Any) -> Any:
    """A part that can be looked up: a shared object by its identity, a dictionary of plug-ins by their names."""
    if isinstance(value, SIMPLE):
        return value
    return tuple(value) if isinstance(value, dict) else id(value)
