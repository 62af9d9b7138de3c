"""Units counted by sentence have the F1 of the task's own metric, and an error that resampled sentences confirm."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmark.report.numbers import predictions, sampling, tagged_units
from benchmark.tasks.metrics import tags

ENTITIES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
PARTS = ["NOUN", "SYM", "SCONJ", "VERB", "X"]
KINDS = {"ner": ENTITIES, "pos": PARTS}


def drawn(
    kind: str, seed: int, sentences: int = 30, likely: float = 0.6
) -> tuple[Any, dict[str, np.ndarray]]:
    """A task, and stored arrays of random tags of which a share is right; some sentences are empty."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 7, sentences).astype(np.int32)
    truth = rng.integers(0, 5, lengths.sum()).astype(np.int16)
    predicted = np.where(rng.random(len(truth)) < likely, truth, rng.integers(0, 5, len(truth))).astype(
        np.int16
    )
    task = SimpleNamespace(metrics=[kind], labels=KINDS[kind])
    return task, {"predictions/dev": predicted[None], "targets/dev": truth, "lengths/dev": lengths}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_counts_give_the_f1_of_the_tasks_metric(kind: str, seed: int) -> None:
    task, stored = drawn(kind, seed)
    ends = np.cumsum(stored["lengths/dev"])[:-1]
    ours, theirs = (
        [[task.labels[tag] for tag in sentence] for sentence in np.split(tags_of, ends) if len(sentence)]
        for tags_of in (stored["predictions/dev"][-1], stored["targets/dev"])
    )
    counted = tagged_units.counts(stored, "dev", task, -1)
    assert counted is not None
    assert counted.shape == (30, 3)
    expected = tags._unit_scores(*prefixed(kind, ours, theirs))
    assert predictions.f1(counted.mean(0)) == pytest.approx(expected["f1"], abs=1e-12)


def prefixed(kind: str, *sides: list[list[str]]) -> list[Any]:
    return [tags._prefixed(side) if kind == "pos" else side for side in sides]


def test_units_by_hand() -> None:
    # PER PER | O LOC, where the second sentence does not continue the first; predicted: one entity of the first two.
    task = SimpleNamespace(metrics=["ner"], labels=ENTITIES)
    stored = {
        "predictions/dev": np.array([[1, 2, 0, 4]]),
        "targets/dev": np.array([1, 1, 0, 4]),
        "lengths/dev": np.array([2, 2]),
    }
    counted = tagged_units.counts(stored, "dev", task, -1)
    assert counted is not None
    assert counted.tolist() == [[0, 1, 2], [1, 1, 1]]


def test_the_error_is_that_of_resampled_sentences() -> None:
    task, stored = drawn("ner", 1, sentences=600)
    rows = tagged_units.counts(stored, "dev", task, -1)
    assert rows is not None
    error = sampling.error({("panx", "dev"): predictions.of_terms(rows, predictions.f1)})
    rng = np.random.default_rng(0)
    again = [predictions.f1(rows[rng.integers(0, len(rows), len(rows))].mean(0)) for _ in range(2000)]
    assert error == pytest.approx(np.std(again), rel=0.06)


@pytest.mark.parametrize("lacking", ["predictions/dev", "targets/dev", "lengths/dev"])
def test_without_all_arrays_nothing_is_counted(lacking: str) -> None:
    task, stored = drawn("ner", 2)
    assert (
        tagged_units.counts({name: a for name, a in stored.items() if name != lacking}, "dev", task, -1)
        is None
    )


@pytest.mark.parametrize(
    ("side", "tag"), [("targets", -1), ("targets", 5), ("predictions", -1), ("predictions", 5)]
)
def test_tags_that_are_no_labels_are_not_counted(side: str, tag: int) -> None:
    task, stored = drawn("ner", 2)
    stored[f"{side}/dev"][..., 0] = tag
    assert tagged_units.counts(stored, "dev", task, -1) is None


def test_the_error_of_a_mean_over_two_languages_by_hand(compose: Any) -> None:
    config = compose("task=panx", "task.languages=[bn,hi]", "protocol.selection=last")
    stored, errors = {}, []
    for seed, language in ((1, "bn"), (2, "hi")):
        _, of_language = drawn("ner", seed)
        stored |= {name.replace("dev", f"panx/{language}"): array for name, array in of_language.items()}
        rows = tagged_units.counts(stored, f"panx/{language}", config.task, -1)
        assert rows is not None
        errors.append(100 * sampling.error({("panx", ""): predictions.of_terms(rows, predictions.f1)}))
    shares = sampling._of_run(
        SimpleNamespace(curve=[SimpleNamespace(scores={})]), config, stored, ["panx/f1"], []
    )
    assert sampling.error(shares) == pytest.approx(np.hypot(*errors) / 2)
