"""Evaluation sets that can show a collapse, and those that cannot."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from benchmark.records.one_answer import shows_collapse
from benchmark.runs.result import collapsed
from benchmark.tasks.classification import Classification
from benchmark.tasks.task import About


@pytest.mark.parametrize(
    ("targets", "shows"),
    [
        (np.repeat([0, 1], 5), True),
        (np.repeat([0, 1], [500, 5]), True),
        (np.repeat([0, 1], [500, 4]), False),
        (np.zeros(500, int), False),
        (np.array([1]), False),
        (np.full(500, -1), False),
        (np.linspace(0, 5, 6), True),
        (np.full(6, np.nan), False),
        (np.array([]), False),
    ],
)
def test_one_answer_shows_a_collapse_if_enough_examples_have_another(targets, shows):
    assert shows_collapse(targets) is shows


def test_a_record_names_only_sets_that_can_show_a_collapse():
    kind, one_answer = Classification(["a", "b"]), np.tile([0.0, 1.0], (1, 10, 1))
    targets = {"two classes": np.repeat([0, 1], 5), "one class": np.ones(10, int), "unknown": None}
    known = {
        name: About(10, kind, {} if of_set is None else {"targets": of_set})
        for name, of_set in targets.items()
    }
    task = SimpleNamespace(about=known.get)
    assert collapsed(task, dict.fromkeys(known, one_answer)) == ["two classes", "unknown"]
