"""Metrics against numbers worked by hand; none of them asks the network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from benchmark.config.compose import ROOT
from benchmark.config.schema import METRICS as NAMES
from benchmark.errors import BenchmarkError
from benchmark.tasks.metrics import METRICS, as_module, score

ANSWERS = np.array([1, 1, 0, 0, 1, 0])
TRUTH = np.array([1, 0, 0, 0, 1, 1])  # 2 true positives, 1 false positive, 1 false negative, 2 true negatives


@pytest.mark.parametrize(
    ("name", "expected"),
    [("accuracy", 4 / 6), ("f1", 2 * 2 / (2 * 2 + 1 + 1)), ("matthews_correlation", (2 * 2 - 1) / 9)],
)
def test_a_classification_metric_equals_its_formula(name: str, expected: float) -> None:
    assert score([name], ANSWERS, TRUTH) == {name: pytest.approx(expected)}


def test_correlations_equal_their_formulas() -> None:
    predicted, wanted = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    # Deviations (-4/3, -1/3, 5/3) and (-1, 1, 0): sum of products 1, sums of squares 14/3 and 2.
    expected = {"pearson": 1 / (14 / 3 * 2) ** 0.5, "spearman": 0.5}
    assert score(["pearson", "spearman"], predicted, wanted) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_a_constant_prediction_correlates_with_nothing(name: str) -> None:
    assert score([name], np.zeros(4), np.arange(4.0)) == {name: 0.0}


def test_constant_classes_have_no_matthews_correlation_and_no_f1() -> None:
    assert score(["matthews_correlation", "f1"], np.zeros(6, int), TRUTH) == {
        "matthews_correlation": 0.0,
        "f1": 0.0,
    }


@pytest.mark.parametrize("classes", [2, 3])
def test_counted_metrics_are_scikit_learns_to_the_bit(classes: int) -> None:
    draw = np.random.default_rng(classes)
    for size in (1, 2, 3, 7, 100, 1043):
        for _ in range(20):
            said, true = draw.integers(0, draw.integers(1, classes + 1), (2, size))
            expected = {
                "accuracy": metrics.accuracy_score(true, said),
                "matthews_correlation": metrics.matthews_corrcoef(true, said),
            }
            if classes == 2:
                expected["f1"] = metrics.f1_score(true, said, zero_division=0.0)
            assert score(list(expected), said, true) == expected


def test_a_score_is_a_plain_number() -> None:
    assert {type(value) for value in score(["accuracy", "f1"], ANSWERS, TRUTH).values()} == {float}


def test_an_unknown_metric_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(BenchmarkError, match=r"'acuracy'.*did you mean 'accuracy'"):
        score(["acuracy"], ANSWERS, TRUTH)


def test_every_metric_adds_up_batches_as_a_module_of_evaluate() -> None:
    rows: dict[str, tuple[Any, Any]] = {
        "ner": ([["B-PER", "I-PER"], ["O", "B-LOC"]], [["B-PER", "O"], ["O", "B-LOC"]]),
        "squad": ([["one two"], []], [["two", "three"], ["four"]]),
        "bucc": ([[["a", "x"]], [["a", "y"]]], [[["a", "x"]], [["b", "y"]]]),
    }
    rows |= dict.fromkeys(("pos", "pos_seqeval_1", "tag_accuracy"), rows["ner"]) | {"mlqa": rows["squad"]}
    for name, kind in METRICS.items():
        predictions, references = rows.get(name, (ANSWERS, TRUTH))
        whole, parts = kind("en"), as_module(kind("en"))
        parts.add_batch(predictions=predictions[:1], references=references[:1])
        parts.add_batch(predictions=predictions[1:], references=references[1:])
        expected = whole.compute(predictions=predictions, references=references)
        assert parts.compute() == pytest.approx(expected), name
        assert tuple(expected) == NAMES[name]


def test_metrics_leave_nothing_on_disk_though_a_forked_run_ends_without_cleaning_up(tmp_path: Path) -> None:
    code = "import os; from benchmark.tasks.metrics import *; score(['accuracy'], [0, 1, 1], [0, 1, 0]); os._exit(0)"
    places = {"TMPDIR": str(tmp_path), "HF_METRICS_CACHE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=os.environ | places, cwd=ROOT, check=True)
    assert list(tmp_path.iterdir()) == []


def test_the_configuration_knows_every_metric() -> None:
    assert set(NAMES) == set(METRICS)


def test_answers_in_a_language_that_mlqa_does_not_have_are_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"unknown language 'fr'.*valid: ar, de, en, es, hi, vi, zh"):
        score(["mlqa"], [["oui"]], [["oui"]], language="fr")
