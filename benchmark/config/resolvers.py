"""Our own resolvers of `${…}` in configurations, beside OmegaConf's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from benchmark.errors import BenchmarkError

PLAIN = "vanilla"  # the key of a run without methods in a protocol's values
OTHERWISE = "default"


def register(root: Path) -> None:
    """Register ``${root:}`` (the project's folder), ``${scratch:}``, ``${not:…}`` and ``${pick:NAME}``."""
    for name, resolver in (
        ("root", lambda: str(root)),
        ("not", lambda value: not value),
        ("scratch", tempfile.gettempdir),
        ("pick", pick),
    ):
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def pick(name: str, *, _root_: Mapping[str, Any]) -> Any:
    """A run's value from ``protocol.values.NAME``, which nests models, tasks and methods in any order.

    Each level is looked up by the run's methods (``a+b`` in alphabetical order, ``vanilla`` for none), then
    by its model, its task, and ``default``. Raises: BenchmarkError if a level has none of these keys.
    """
    names = names_of(_root_["method"], _root_["model"]["name"], _root_["task"]["name"])
    return nested(_root_["protocol"]["values"], "protocol.values", name, names)


def names_of(methods: Iterable[str], model: str, task: str) -> list[str]:
    """The keys under which a run's values are looked up, the closest first."""
    return ["+".join(sorted(methods)) or PLAIN, model, task]


def nested(node: Any, place: str, key: str, names: Sequence[str]) -> Any:
    """The value of ``key`` in ``node``, with further levels looked up by ``names``, then ``default``.

    Raises: BenchmarkError naming the ``place`` of a level that has none of these keys.
    """
    while isinstance(node, Mapping):
        if key not in node:
            raise BenchmarkError(
                f"{place} has nothing for {' '.join(names)}: it needs {key!r} (it has {', '.join(map(str, node))})"
            )
        node, place = node[key], f"{place}.{key}"
        if isinstance(node, Mapping):
            key = next((name for name in names if name in node), OTHERWISE)
    return node
