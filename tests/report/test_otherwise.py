"""A report says where runs are other than their configuration sounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from benchmark.config.schema import RunConfig
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.records.record import Record
from benchmark.report.otherwise import otherwise

SCORES = {"validation": {"accuracy": 0.5}}


def notes(
    config: RunConfig, record_of: Callable[..., Record], changed: dict[str, list[str]], **changes: Any
) -> list[str]:
    record = record_of(config, SCORES, **changes)
    grid = Grid("x", {}, {}, changed, [PlannedRun(config, (), record.run_id)])
    return otherwise(grid, {record.run_id: record})


@pytest.mark.parametrize(
    ("overrides", "changes", "said"),
    [
        ([], {}, []),
        (["protocol.batch_size=65"], {}, ["A batch is all 64 training examples, not protocol.batch_size=65"]),
        (["protocol.batch_size=64"], {"curve": [{"scores": SCORES, "step": 5}]}, []),
        (["protocol.evaluations_per_epoch=2"], {}, []),
        (
            ["protocol.evaluations_per_epoch=3"],
            {},
            ["Evaluated after every update: an epoch has 2, fewer than"],
        ),
        (["protocol.warmup=2"], {}, ["The warm-up never ended: 2 updates of protocol.warmup=2"]),
        (["protocol.warmup=1"], {}, []),
        (
            ["task.evaluate.validation.split=train"],
            {},
            ["Scores on validation of opinion are of its training split train, which the run has seen"],
        ),
    ],
)
def test_what_is_otherwise_is_said(
    overrides: list[str],
    changes: dict[str, Any],
    said: list[str],
    compose: Callable[..., RunConfig],
    record_of: Callable[..., Record],
) -> None:
    lines = notes(compose("task=opinion", *overrides), record_of, {}, **changes)
    assert [line[: len(start)] for line, start in zip(lines, said, strict=True)] == said
    assert all(line.endswith("(1 of 1 runs).") for line in lines)


def test_a_length_above_the_models_is_said_if_it_was_asked_for(
    compose: Callable[..., RunConfig], record_of: Callable[..., Record]
) -> None:
    config = compose("task=opinion", "protocol.max_length=500")
    [line] = notes(config, record_of, {"protocol.max_length": ["500"]})
    assert line.startswith("Texts are cut at 128 tokens, the model's most, not at protocol.max_length=500")
    assert notes(config, record_of, {}) == []


def test_one_update_is_said_unless_it_was_asked_for(
    compose: Callable[..., RunConfig], record_of: Callable[..., Record]
) -> None:
    def said(*overrides: str) -> list[str]:
        config = compose("task=opinion", *overrides)
        record = record_of(config, SCORES)
        record = replace(record, curve=[replace(record.curve[0], step=1)])
        grid = Grid("x", {}, {}, {}, [PlannedRun(config, (), record.run_id)])
        return otherwise(grid, {record.run_id: record})

    assert said("protocol.epochs=0.5")[0].startswith("There was one update in all: protocol.epochs=0.5")
    assert said("protocol.epochs=null", "protocol.steps=1") == []
