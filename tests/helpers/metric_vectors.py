"""Reference values of metrics: predictions and references with the scores that XTREME's own evaluator gives.

Every JSON file of the folder says which ``metric`` it is of, its ``tolerance`` (absolute, in percent) and its
``cases``; its own name says nothing. ``drives`` is for metrics what `helpers.vectors.drives` is for methods.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpers.declared import Declared
from helpers.vectors import METRICS, Entry, complaint, parametrized

#: Fields that say where a case comes from; no evaluator reads them.
ORIGIN = {"id", "origin", "row", "kinds", "language", "source_language", "target_language", "printed_average"}


@dataclass
class Case:
    """One case of a metric. ``fields`` are its material and what is expected."""

    label: str
    fields: Declared
    tolerance: float
    compared: int = 0

    def __getitem__(self, key: str) -> Any:
        assert key in self.fields, f"{self.label}: the field {key} is missing"
        return plain(self.fields[key])

    def __contains__(self, key: str) -> bool:
        return key in self.fields

    def only(self, key: str, value: Any) -> None:
        """Skip the case unless the option is absent or ``value``."""
        if key in self and self[key] != value:
            pytest.skip(f"{self.label}: {key}={self[key]!r} is not offered, only {value!r}")

    def close(self, got: Any, wanted: Any, what: str = "", share: float = 1.0) -> None:
        """Compare numbers, or dicts or lists of them, within ``share`` of the file's tolerance."""
        assert got == pytest.approx(wanted, abs=self.tolerance * share), f"{self.label} {what}"
        self.compared += bool(wanted) or not isinstance(wanted, dict | list)

    def equal(self, got: Any, wanted: Any, what: str = "") -> None:
        """Compare what has no rounding."""
        assert got == wanted, f"{self.label} {what}"
        self.compared += 1

    def finish(self) -> None:
        """Raises: AssertionError if nothing was compared or a field not read."""
        assert self.compared, f"{self.label}: no comparison was made"
        unread = set(self.fields) - self.fields.read - ORIGIN
        assert not unread, f"{self.label}: nothing reads the fields {sorted(unread)}"


def plain(value: Any) -> Any:
    """Plain dicts and lists of a JSON value."""
    if isinstance(value, Declared):
        return {key: plain(value[key]) for key in value}
    return [plain(item) for item in value] if isinstance(value, list) else value


@functools.cache
def contents() -> list[tuple[Path, dict[str, Any]]]:
    return [(path, json.loads(path.read_text())) for path in sorted(METRICS.path.glob("*.json"))]


def cases_of(path: Path, content: dict[str, Any]) -> list[Entry]:
    def entry(case: dict[str, Any]) -> Entry:
        label = f"{path.stem}/{case['id']}"
        return Entry(METRICS, label, lambda: Case(label, Declared(case), content["tolerance"]))

    return [entry(case) for case in content["cases"]] or [
        complaint(METRICS, path.stem, f"{path}: there is no case")
    ]


def drives(metric: str) -> Callable[..., Any]:
    """Run a test for every case of a metric."""
    entries = [
        entry
        for path, content in contents()
        if content.get("metric") == metric
        for entry in cases_of(path, content)
    ]
    missing = complaint(METRICS, metric, f"{METRICS.variable}: no file of {METRICS.path} is of {metric}")
    return functools.partial(parametrized, entries or [missing])


def others(metrics: set[str]) -> list[Entry]:
    """Files of other metrics than ``metrics``; each is skipped with the metric's name."""

    def entry(path: Path, metric: Any) -> Entry:
        return Entry(
            METRICS, path.stem, lambda: pytest.skip(f"{path.name}: metric={metric!r} is not offered")
        )

    named = [(path, content.get("metric")) for path, content in contents()]
    return [entry(path, metric) for path, metric in named if metric not in metrics]
