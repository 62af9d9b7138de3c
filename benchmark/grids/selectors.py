"""Selectors: mappings of axes to values that stand for runs of a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Any

from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError, unknown

Rectangle = Mapping[str, Sequence[str]]  # a grid's axes and their values, as Hydra overrides spell them
NAMED = ("model", "task", "data", "protocol")  # axes whose values are the names of configurations
NOT_ROWS = ("model", "method", "task", "seed")  # axes that have a place of their own in a table


def matches(selector: Mapping[str, Any], config: RunConfig) -> bool:
    """True if ``selector`` stands for the run of this configuration."""
    return all(_has(key, wanted, config) for key, wanted in selector.items())


def _has(key: str, wanted: Any, config: RunConfig) -> bool:
    if key == "method":
        return frozenset(config.method) in combinations(wanted)
    value: Any = config
    for part in (f"{key}.name" if key in NAMED else key).split("."):
        inner = value if isinstance(value, Mapping) else vars(value) if is_dataclass(value) else {}
        if part not in inner:
            return False
        value = inner[part]
    return value == wanted or value in values_in(key, wanted)


def values_in(key: str, wanted: Any) -> list[Any]:
    """A selector's values of an axis other than ``method``."""
    if key == "task":
        return [task for group in groups_of_tasks(wanted) for task in group]
    return wanted if isinstance(wanted, list) else [wanted]


def groups_of_tasks(wanted: Any) -> list[list[str]]:
    """A selector's groups of tasks, from a name, a list, or several lists."""
    tasks = wanted if isinstance(wanted, list) else [wanted]
    return tasks if any(isinstance(task, list) for task in tasks) else [tasks]


def combinations(methods: list[Any]) -> list[frozenset[str]]:
    """A selector's combinations of methods, from a list of names or of such lists."""
    several = any(isinstance(entry, list) for entry in methods)
    return [frozenset(entry) for entry in methods] if several else [frozenset(methods)]


def values_of(key: str, grid: Sequence[Rectangle]) -> list[str]:
    """The values of an axis over all rectangles of a grid, each once."""
    return list(dict.fromkeys(value for axes in grid for value in axes.get(key, ())))


def check_selector(selector: Mapping[str, Any], grid: Sequence[Rectangle], where: str) -> None:
    """Refuse a selector with an axis or a value that the grid does not have.

    Raises: BenchmarkError with the nearest valid name.
    """
    keys = dict.fromkeys(key for axes in grid for key in axes)
    for key, wanted in selector.items():
        if key not in keys:
            raise unknown("axis", key, keys, where)
        texts = values_of(key, grid)
        if key == "method":
            if not isinstance(wanted, list):
                raise BenchmarkError(f"{where}: method: {wanted} is not a list, as in [noisytune]")
            _check_methods(wanted, texts, where)
        elif key.startswith("method.") or all(key in axes for axes in grid):
            # On other axes a run may have a value that its rectangle does not state.
            declared = [parsed(key, text) for text in texts]
            for value in [] if wanted in declared else values_in(key, wanted):
                if value not in declared:
                    raise unknown(key, value, texts, where)


def _check_methods(wanted: list[Any], texts: Sequence[str], where: str) -> None:
    declared = {frozenset(parsed("method", text)) for text in texts}
    names = {name for combination in declared for name in combination}
    for combination in combinations(wanted):
        for name in combination - names:
            raise unknown("method", name, names, where)
        if combination not in declared:
            raise unknown("method", f"[{','.join(sorted(combination))}]", texts, where)


@cache
def parsed(key: str, text: str) -> Any:
    """The value of ``KEY=TEXT`` as Hydra parses it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(f"{key}={text}").value()
