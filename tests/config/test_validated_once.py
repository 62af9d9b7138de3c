"""A grid's runs are all validated, though few of them are looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from benchmark.config import validated_once
from benchmark.config.schema import RunConfig, SeedsConfig
from benchmark.config.validated_once import validate_all
from benchmark.errors import BenchmarkError
from helpers.grids import load

Compose = Callable[..., RunConfig]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=-1", "seed=-1"),
        ("seeds.head=-1", r"seeds\.head=-1"),
        ("protocol.selection=bets", "did you mean 'best'"),
        ("snapshot_minutes=-1", "snapshot_minutes=-1"),
        ("threads=0", "threads=0"),
        ("packed=false", "replay=true with packed=false"),
        ("probe=[norm_change]", r"replay=true with probe=\[norm_change\]"),
    ],
)
def test_the_last_wrong_run_of_a_grid_is_refused(override: str, said: str, compose: Compose) -> None:
    first, second = compose("replay=true"), compose("replay=true", "seed=2")
    validate_all([first, second])
    with pytest.raises(BenchmarkError, match=said):
        validate_all([first, second, compose("replay=true", override)])


@pytest.mark.parametrize(
    ("changes", "said"), [({"seed": -1}, "seed=-1"), ({"seeds": SeedsConfig(head=-1)}, r"seeds\.head=-1")]
)
def test_a_wrong_seed_of_runs_with_the_same_parts_is_refused(
    changes: dict[str, Any], said: str, compose: Compose
) -> None:
    first = compose()
    with pytest.raises(BenchmarkError, match=said):
        validate_all([first, replace(first, seed=2), replace(first, **changes)])


def test_names_of_methods_are_looked_at_wherever_they_are(compose: Compose) -> None:
    first = compose()
    with pytest.raises(BenchmarkError, match="a name in method"):
        validate_all([first, replace(first, method={"a\nb": {}})])


def test_runs_that_differ_in_seed_and_method_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    planned, looked = load("demo/noisytune"), list[RunConfig]()
    monkeypatch.setattr(validated_once, "validate", looked.append)
    validate_all([run.config for run in planned.runs])
    tasks = {run.config.task.name for run in planned.runs}
    assert len(planned.runs) == 30
    assert len(looked) == len(tasks) + 1  # one per task, and one for the name of the method
