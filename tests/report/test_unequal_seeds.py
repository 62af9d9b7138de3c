"""Columns whose sides have other seeds than the other columns: the error over examples is of the same runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report.build import Report, build
from benchmark.report.words import UNDECIDED
from helpers.claims import recorded, table

CLAIM = {"better": {"method": ["noisytune"]}, "than": {"method": []}, "where": "average"}
TARGETS = np.arange(400) % 2


def right(task: str, noisy: bool, seed: int) -> np.ndarray:
    """The examples (400,) that a run has right."""
    shared = np.random.default_rng(len(task)).random(len(TARGETS))
    own = np.random.default_rng([seed, len(task), noisy]).random(len(TARGETS))
    return np.asarray(shared + own < 1.2)


def reported(record_of: Any, missing: Any) -> Report:
    planned = table([CLAIM], tasks=("mrpc", "rte"), seeds=6)

    def right_of(config: RunConfig) -> np.ndarray:
        return right(config.task.name, bool(config.method), config.seed)

    records, _ = recorded(
        planned,
        record_of,
        lambda config: 100 * right_of(config).mean(),
        lambda config: "missing" if missing(config) else "finished",
    )
    configs = {run.run_id: run.config for run in planned.runs}

    def arrays(run: str) -> dict[str, np.ndarray]:
        answers = np.where(right_of(configs[run]), TARGETS, 1 - TARGETS)
        return {"logits/validation": np.eye(2)[answers][None], "targets/validation": TARGETS}

    return build(planned, records, arrays)


def test_the_error_over_examples_is_of_the_pairs_of_each_column(record_of):
    half = reported(record_of, lambda c: c.task.name == "rte" and not c.method and c.seed > 2)
    apart = 100 * np.mean([right("rte", True, s) * 1.0 - right("rte", False, s) for s in (1, 2)], axis=0)
    cells = half.numbers[half.numbers["methods"] != ""].set_index("task")
    assert cells.loc["rte", "difference_n"] == 2
    assert cells.loc["rte", "difference_sampling"] == pytest.approx(apart.std() / 20)
    parts = cells.loc[["mrpc", "rte"], "difference_sampling"].to_numpy()
    average = cells.loc["Avg.", "difference_sampling"]
    assert average == pytest.approx(np.sqrt((parts**2).sum()) / 2)
    assert half.verdicts[0].comparisons[0].examples[0] == pytest.approx(average)


def test_an_average_whose_columns_share_no_seed_has_an_error_over_examples(record_of):
    disjoint = reported(record_of, lambda c: (c.task.name == "rte") != (c.seed > 3))
    [verdict] = disjoint.verdicts
    assert verdict.sentences == UNDECIDED
    assert np.isfinite(verdict.comparisons[0].examples[0])
