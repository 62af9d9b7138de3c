"""Targets with which a number means nothing are refused before training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset

from benchmark.config.schema import METRICS as VALUES_OF
from benchmark.config.schema import TaskConfig
from benchmark.data.rows import Rows
from benchmark.errors import BenchmarkError
from benchmark.tasks.constants import check_learnt, check_scored
from benchmark.tasks.metrics import score

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


TAGS_OF_NER = ["O", "B-X", "I-X"]
OF_TAGS = ("ner", "pos", "pos_seqeval_1", "tag_accuracy")
DEV = Rows("mine", "a/dev", Dataset.from_dict({"label": [1, 1]}), np.arange(2))


def of_right_predictions(metric: str, labels: list[str], targets: list[Any]) -> list[float]:
    rows = [[labels[number] for number in targets]] if metric in OF_TAGS else targets
    return [*score([metric], rows, rows).values()]


@pytest.mark.parametrize(
    ("metric", "labels", "targets", "reason"),
    [
        ("pearson", [], [0.5, 0.5], "all known targets are the same"),
        ("spearman", [], [0.5, 0.5], "all known targets are the same"),
        ("matthews_correlation", ["bad", "good"], [1, 1], "all known targets are the same"),
        ("f1", ["bad", "good"], [0, 0], "no known target is 'good', whose F1 it is"),
        ("ner", TAGS_OF_NER, [0, 0], "all known tags are 'O'"),
        ("ner", ["B-X", "O"], [1], "all known tags are 'O'"),
        ("pos_seqeval_1", ["O", "NOUN"], [0, 0], "all known tags are 'O'"),
    ],
)
def test_no_set_is_scored_on_which_a_metric_is_not_defined(
    metric: str, labels: list[str], targets: list[Any], reason: str
) -> None:
    with pytest.raises(
        BenchmarkError, match=f"a/dev, column 'label': {metric} is not defined, because {reason};"
    ):
        check_scored(DEV, "label", np.array(targets), labels, ["accuracy", metric])
    assert set(of_right_predictions(metric, labels, targets)) == {0.0}


@pytest.mark.parametrize(
    ("metric", "labels", "targets"),
    [
        ("pearson", [], [0.5, 1.0]),
        ("spearman", [], [0.5, 1.0]),
        ("matthews_correlation", ["bad", "good"], [1, 0]),
        ("f1", ["bad", "good"], [1, 1]),
        ("ner", TAGS_OF_NER, [0, 2]),
        ("pos", ["O", "NOUN"], [0, 0]),
        ("tag_accuracy", TAGS_OF_NER, [0, 0]),
        ("accuracy", ["bad", "good"], [0, 0]),
    ],
)
def test_a_set_is_scored_on_which_right_predictions_are_the_best(
    metric: str, labels: list[str], targets: list[Any]
) -> None:
    check_scored(DEV, "label", np.array(targets), labels, [metric])
    check_scored(DEV, "label", np.array([]), labels, [metric])  # a set without targets has no score
    assert of_right_predictions(metric, labels, targets) == pytest.approx([1.0] * len(VALUES_OF[metric]))
