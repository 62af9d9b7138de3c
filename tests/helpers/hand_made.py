"""Records by hand: a score or predictions per run, and small noise that is the same for the same run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmark.config.schema import RunConfig
from benchmark.grids.grid import Grid
from benchmark.records.record import Record

#: Markup, templates, terminal escapes and a change of writing direction: a page shows them, and none acts.
HOSTILE = (
    '<img src=x onerror="window.pwned=1"></script><script>window.pwned=1</script>" onmouseover="window.pwned=1 '
    "\x1b[31m \u202e {{ 7*7 }} [x](javascript:alert(1))"
)
METRICS = ("accuracy", "f1", "matthews_correlation", "pearson", "spearman")


def claim(**changes: Any) -> dict[str, Any]:
    """A claim as a table has it: NoisyTune is better than plain fine-tuning on RTE."""
    stated = {"says": "It helps", "better": {"method": ["noisytune"]}, "lower": {}, "than": {"method": []}}
    return stated | {"where": ["rte"], "at_least": None, "of": "score", "gain_over": {}} | changes


def noise(config: RunConfig, size: float) -> float:
    """Normal noise of a standard deviation of ``size``."""
    text = f"{config.task.name} {config.seed} {config.method}"
    return size * float(np.random.default_rng(list(text.encode())).normal())


def scored(
    planned: Grid, record_of: Callable[..., Record], score: Callable[[RunConfig], float]
) -> dict[str, Record]:
    """A record per run with the score in percent that ``score(config)`` gives, on every set and metric."""
    return {
        run.run_id: record_of(
            run.config,
            {
                name: dict.fromkeys((*METRICS, "exact_match"), score(run.config) / 100)
                for name in run.config.task.evaluate
            },
        )
        for run in planned.runs
    }


def predicted(
    planned: Grid, record_of: Callable[..., Record], right: Callable[[RunConfig], np.ndarray]
) -> tuple[dict[str, Record], Callable[[str], dict[str, np.ndarray]]]:
    """A record per run, and its stored arrays: ``right(config)`` (examples,) says which answers are right."""
    arrays, records = {}, {}
    for run in planned.runs:
        correct = right(run.config)
        targets = np.arange(len(correct)) % 2
        answers = np.where(correct, targets, 1 - targets)
        arrays[run.run_id] = {
            "logits/validation": np.eye(2, dtype=np.float32)[answers][None],
            "targets/validation": targets,
        }
        records[run.run_id] = record_of(run.config, {"validation": {"accuracy": float(correct.mean())}})
    return records, lambda run: arrays[run]
