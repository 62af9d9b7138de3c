"""Reference lists of the parameters that methods act on, for the architectures on file.

They stand in ``parameter_selection.json`` beside the methods' reference values.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpers.vectors import METHODS, Entry, complaint, parametrized


@dataclass
class Selection:
    """Names of the parameters that a reference picks in a toy model of one architecture."""

    label: str
    kind: str
    names: set[str]
    everything: set[str]
    compared: int = 0

    def equal(self, got: Any) -> None:
        """Compare the names that a method picks."""
        assert set(got) == self.names
        self.compared += 1

    def finish(self) -> None:
        """Raises: AssertionError if nothing was compared."""
        assert self.compared, f"{self.label}: no comparison was made"


def selects(which: str) -> Callable[..., Any]:
    """Run a test for the list called ``which`` (its first word) of every architecture on file."""
    name, path = "parameter_selection", METHODS.path / "parameter_selection.json"
    if METHODS.absent or not path.is_file():
        problem = f"{METHODS.variable}: there is no {path}"
        return functools.partial(parametrized, [complaint(METHODS, name, problem)])

    def entry(kind: str, lists: dict[str, list[str]]) -> Entry:
        label = f"{name}/{kind}/{which}"
        names = next((names for title, names in lists.items() if title.split(" ")[0] == which), None)
        if names is None:
            return complaint(METHODS, label, f"{path}: {kind} has no list {which}")
        return Entry(METHODS, label, lambda: Selection(label, kind, set(names), set(lists["all"])))

    models = json.loads(path.read_text())["models"]
    return functools.partial(parametrized, [entry(kind, lists) for kind, lists in models.items()])
