"""Numbers from stored predictions leave out the examples whose targets are not known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report.numbers import predictions, quantities
from benchmark.report.numbers.selection import scores_of_halves, split
from benchmark.tasks.kind import gold_of

Compose = Callable[..., RunConfig]
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(3, 40, 2)).astype(np.float32)
CLASSES = RNG.integers(0, 2, 40)
KNOWN = np.arange(40) % 5 > 0


def stored(targets: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
    return {"logits/validation": logits, "targets/validation": targets}


def test_classes_are_unknown_below_zero_and_values_where_they_are_no_numbers() -> None:
    assert predictions.has_gold(np.array([0, -1, 1])).tolist() == [True, False, True]
    assert predictions.has_gold(np.array([0.5, np.nan, -1.0])).tolist() == [True, False, True]
    assert gold_of(np.array([0.5, np.nan, -1.0], np.float32)).tolist() == [True, False, True]
    assert gold_of(np.array([-1.0, -1.0], np.float32)).tolist() == [False, False]


def test_the_loss_is_over_known_classes(compose: Compose) -> None:
    config = compose("task=opinion")
    targets = np.where(KNOWN, CLASSES, -1)
    expected = predictions.loss(LOGITS[:, KNOWN], CLASSES[KNOWN], config)
    assert predictions.loss(LOGITS, targets, config) == pytest.approx(expected)


def test_the_loss_is_over_known_values(compose: Compose) -> None:
    config = compose("task=closeness")
    values = RNG.normal(size=40).astype(np.float32)
    expected = predictions.loss(LOGITS[:, KNOWN], values[KNOWN], config)
    assert predictions.loss(LOGITS, np.where(KNOWN, values, np.nan), config) == pytest.approx(expected)


def test_halves_are_of_known_classes(compose: Compose) -> None:
    config = compose("task=opinion")
    halves = scores_of_halves(stored(np.where(KNOWN, CLASSES, -1), LOGITS), ["accuracy"], config)
    assert halves is not None
    right = (LOGITS.argmax(-1) == CLASSES)[:, KNOWN]
    assert halves == pytest.approx(np.stack([right[:, half].mean(1) for half in split(KNOWN.sum())], 1))


def test_a_set_without_a_known_class_has_no_loss(compose: Compose) -> None:
    arrays = stored(np.full(40, -1), LOGITS)
    assert quantities._losses(None, compose("task=opinion"), arrays) == []  # type: ignore[arg-type]
