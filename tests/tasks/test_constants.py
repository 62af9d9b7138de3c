"""Targets that are all the same are refused before training, where they mean that a number means nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset

from benchmark.config.schema import TaskConfig
from benchmark.data.rows import Rows
from benchmark.errors import BenchmarkError
from benchmark.tasks.constants import check_learnt, check_scored

CLASSES, TAGS = (
    TaskConfig(name="mine", labels=["bad", "good"]),
    TaskConfig(name="mine", kind="tagging", labels=["O", "X"]),
)
VALUES, QUESTIONS = TaskConfig(name="mine", labels=[]), TaskConfig(name="mine", kind="answers", labels=[])


@pytest.mark.parametrize(
    ("task", "targets", "shown"),
    [
        (CLASSES, torch.tensor([1, 1, 1]), "all of the 3 training examples of a/train have the target 'good'"),
        (CLASSES, torch.tensor([0]), "all of the 1 training examples of a/train have the target 'bad'"),
        (VALUES, torch.tensor([0.5, 0.5]), "have the target 0.5"),
        (TAGS, [torch.tensor([-100, 0]), torch.tensor([0, 0])], "all tags of a/train but -1, -100 and null are 'O'"),
    ],
)  # fmt: skip
def test_nothing_can_be_learnt_from_one_target(task: TaskConfig, targets: Any, shown: str) -> None:
    with pytest.raises(BenchmarkError, match=f"^task 'mine': .*{shown}: nothing can be learnt"):
        check_learnt(task, "a/train", targets)


@pytest.mark.parametrize(
    ("task", "targets"),
    [
        (CLASSES, torch.tensor([1, 0])),
        (VALUES, torch.tensor([0.5, -100.0])),
        (TAGS, [torch.tensor([-100, 0]), torch.tensor([1])]),
        (QUESTIONS, torch.tensor([[3, 3]])),
    ],
)
def test_different_targets_are_learnt(task: TaskConfig, targets: Any) -> None:
    check_learnt(task, "a/train", targets)


def test_no_correlation_with_one_target_is_defined() -> None:
    rows = Rows("mine", "a/dev", Dataset.from_dict({"label": [1, 1]}), np.arange(2))
    for name in ("pearson", "spearman", "matthews_correlation"):
        with pytest.raises(BenchmarkError, match=f"a/dev, column 'label': {name} is not defined"):
            check_scored(rows, "label", np.array([1, 1]), ["accuracy", name])
        check_scored(rows, "label", np.array([1, 0]), [name])
        check_scored(rows, "label", np.array([]), [name])  # a set without targets has no score
    check_scored(rows, "label", np.array([1, 1]), ["accuracy", "f1"])
