"""Errors over the units of sets that are no classification: pairs of sentences, mined pairs, questions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report.numbers import predictions, sampling
from benchmark.report.numbers.sampling import Shares
from benchmark.tasks.metrics import means

COUNT = 400


def shares_of(config: RunConfig, stored: dict[str, np.ndarray], name: str, score: float) -> Shares | None:
    set_name, _, metric = name.rpartition("/")
    record: Any = SimpleNamespace(curve=[SimpleNamespace(scores={set_name: {metric: score}})])
    return sampling._of_run(record, config, stored, [name], [])


def drawn_error(rows: np.ndarray, score: Any) -> float:
    """The deviation of ``score`` over sets drawn from ``rows``, in points."""
    rng = np.random.default_rng(2)
    drawn = [score(rows[rng.integers(0, len(rows), len(rows))].mean(0)) for _ in range(1500)]
    return 100 * float(np.std(drawn))


def test_retrieval_has_the_error_of_a_share_in_the_layer_that_was_chosen(compose: Any) -> None:
    config = compose("task=tatoeba", "task.languages=[de]", "protocol.selection=last")
    rng = np.random.default_rng(1)
    right = np.arange(COUNT)
    nearest = np.stack(
        [np.where(rng.random(COUNT) < share, right, (right + 1) % COUNT) for share in (0.3, 0.8)]
    )
    stored = {"predictions/tatoeba/de": nearest[None]}
    for layer in nearest:
        share = np.mean(layer == right)
        error = sampling.error(shares_of(config, stored, "tatoeba/de/accuracy", share))
        assert error == pytest.approx(100 * np.sqrt(share * (1 - share) / COUNT))
    assert shares_of(config, stored, "tatoeba/de/accuracy", 0.123) is None


def test_mining_has_the_error_of_an_f1_over_sentences(compose: Any) -> None:
    config = compose("task=bucc2018", "task.languages=[de]", "protocol.selection=last")
    rng = np.random.default_rng(1)
    targets = np.where(rng.random(COUNT) < 0.5, np.arange(COUNT), -1)
    mined = np.where(rng.random(COUNT) < 0.7, targets, -1)
    mined[:40] = 7
    f1 = 2 * np.sum((mined == targets) & (mined >= 0)) / (np.sum(mined >= 0) + np.sum(targets >= 0))
    stored = {
        "predictions/bucc2018/de": np.concatenate([[123], mined])[None, None],
        "targets/bucc2018/de": targets,
    }
    error = sampling.error(shares_of(config, stored, "bucc2018/de/f1", f1))
    rows = np.stack([(mined == targets) & (mined >= 0), mined >= 0, targets >= 0], 1).astype(float)
    assert predictions.f1(rows.mean(0)) == pytest.approx(f1)
    assert error == pytest.approx(drawn_error(rows, predictions.f1), rel=0.1)
    del stored["targets/bucc2018/de"]
    assert shares_of(config, stored, "bucc2018/de/f1", f1) is None


@pytest.mark.parametrize("metric", ["f1", "exact_match"])
def test_answers_have_the_error_of_the_mean_of_their_marks(metric: str, compose: Any) -> None:
    config = compose("task=xquad", "task.languages=[de,es]", "protocol.selection=last")
    rng = np.random.default_rng(1)
    stored, errors = {}, []
    for language in ("de", "es"):
        exact = rng.random(COUNT) < 0.4
        marks = np.stack([exact, np.where(exact, 1.0, rng.random(COUNT))], 1)
        outputs = np.full((COUNT + 1, 4), np.nan)  # of the last question no answer is known
        outputs[:, :2], outputs[:-1, 2:] = (3, 7), marks
        stored[f"predictions/xquad/{language}"] = outputs[None]
        values = marks[:, 1] if metric == "f1" else marks[:, 0]
        assert values.mean() == pytest.approx(means(marks)[metric])
        errors.append(100 * values.std() / np.sqrt(COUNT))
        shares = shares_of(config, stored, f"xquad/{language}/{metric}", values.mean())
        assert sampling.error(shares) == pytest.approx(errors[-1])
    # Questions are translations, of which nobody can say here which is which.
    assert sampling.error(shares_of(config, stored, f"xquad/{metric}", 0.0)) == pytest.approx(np.mean(errors))
    without_marks = {name: array[..., :2] for name, array in stored.items()}
    assert shares_of(config, without_marks, f"xquad/{metric}", 0.0) is None


def test_the_units_of_a_mean_over_languages_of_retrieval_are_their_own(compose: Any) -> None:
    config = compose("task=tatoeba", "task.languages=[de,fr]", "protocol.selection=last")
    right = np.arange(COUNT)
    stored, scores, errors = {}, {}, []
    for language, wrong in (("de", 100), ("fr", 40)):
        nearest = np.where(right < wrong, (right + 1) % COUNT, right)
        stored[f"predictions/tatoeba/{language}"] = nearest[None, None]
        share = 1 - wrong / COUNT
        scores[f"tatoeba/{language}"] = {"accuracy": share}
        errors.append(100 * np.sqrt(share * (1 - share) / COUNT))
    record: Any = SimpleNamespace(curve=[SimpleNamespace(scores=scores)])
    shares = sampling._of_run(record, config, stored, ["tatoeba/accuracy"], [])
    assert sampling.error(shares) == pytest.approx(np.hypot(*errors) / 2)
