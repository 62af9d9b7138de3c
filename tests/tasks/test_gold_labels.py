"""Rows without a gold label: predicted, counted, and neither learnt nor scored, in every kind of task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Features, Value

from benchmark import tasks
from benchmark.config.schema import RunConfig, SplitConfig
from benchmark.errors import BenchmarkError
from benchmark.models import pretrained
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.report.numbers import scored_units
from benchmark.runs.run import Run, run
from helpers.written import OURS, Written

Compose = Callable[..., RunConfig]
WORDS = ["the", "is", "not", "and"]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    return Written(tmp_path / "data", monkeypatch)


def texts(count: int, label: Callable[[int], Any]) -> list[dict[str, Any]]:
    return [{"text": " ".join(WORDS[: 1 + i % 4]), "label": label(i)} for i in range(count)]


def load(config: RunConfig) -> tasks.Task:
    return tasks.load(config, pretrained.tokenizer(config.model, Path(config.cache)))


def done(config: RunConfig) -> tuple[Record, dict[str, np.ndarray]]:
    config = replace(config, protocol=replace(config.protocol, report={}))  # it names another kind's scores
    record = run(Run(config))
    return record, dict(np.load(Store(config.store).folder / record.run_id / "arrays.npz"))


@pytest.mark.parametrize("hidden", [-1, None])
def test_classes_that_are_hidden_row_by_row(compose: Compose, written: Written, hidden: int | None) -> None:
    written("train", texts(16, lambda i: hidden if i in (3, 8) else i % 2))
    written("validation", texts(12, lambda i: hidden if i in (0, 5, 6) else i % 2))
    record, arrays = done(compose(*OURS))
    assert record.examples == {"train": 14, "validation": 12}
    assert record.data.left_out == {"without_gold_label": {"mine/train": 2}}
    assert record.data.remarks == {"without_gold_label": {"mine/validation": 3}}
    targets, logits = arrays["targets/validation"], arrays["logits/validation"][-1]
    assert targets.tolist() == [-1, 1, 0, 1, 0, -1, -1, 1, 0, 1, 0, 1]
    assert len(logits) == 12
    gold = targets >= 0
    assert record.scores["validation"]["accuracy"] == (logits.argmax(-1) == targets)[gold].mean()
    loss = torch.nn.functional.cross_entropy(*(torch.from_numpy(part[gold]) for part in (logits, targets)))
    assert record.curve[-1].losses["validation"] == pytest.approx(loss.item())


@pytest.mark.parametrize("hidden", [-1, None])
def test_a_set_without_any_gold_has_predictions_and_no_score(
    compose: Compose, written: Written, hidden: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    written("train", texts(8, lambda i: i % 2))
    written("validation", texts(5, lambda i: hidden))
    record, arrays = done(compose(*OURS))
    assert (record.scores, record.curve[-1].losses) == ({}, {})
    assert arrays["logits/validation"].shape == (1, 5, 2)
    assert record.data.remarks == {"without_gold_label": {"mine/validation": 5}}
    assert "mine/validation: no gold label in 'label': predictions are kept" in caplog.text


def test_a_training_set_without_any_gold_is_refused(compose: Compose, written: Written) -> None:
    written("train", texts(8, lambda i: None))
    written("validation", texts(8, lambda i: i % 2))
    with pytest.raises(BenchmarkError, match="mine/train, column 'label': no row has a gold label"):
        load(compose(*OURS))


def test_values_below_zero_are_scored_and_missing_ones_are_not(compose: Compose, written: Written) -> None:
    written("train", texts(16, lambda i: None if i == 2 else -i / 10))
    written("validation", texts(12, lambda i: None if i == 2 else -1.0 if i == 3 else -i / 10))
    written("hidden", texts(4, lambda i: -1.0))  # as GLUE hides the values of STS-B
    config = compose(
        *OURS,
        "task.labels=[]",
        "task.metrics=[pearson]",
    )
    config.task.evaluate["hidden"] = SplitConfig(config="mine", split="hidden")
    record, arrays = done(config)
    targets = arrays["targets/validation"]
    assert np.isnan(targets).nonzero()[0].tolist() == [2]
    assert targets[3] == -1
    gold = np.isfinite(targets)
    pearson = np.corrcoef(arrays["logits/validation"][-1, gold, 0], targets[gold])[0, 1]
    assert record.scores["validation"]["pearson"] == pytest.approx(pearson)
    assert list(record.scores) == ["validation"]
    assert arrays["targets/hidden"].tolist() == [-1.0] * 4
    assert record.examples == {"train": 15, "validation": 12, "hidden": 4}
    assert np.isfinite(arrays["losses"]).all()


def test_classes_are_found_by_the_names_in_a_file_in_the_arrays_too(
    compose: Compose, written: Written
) -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["good", "bad"])})
    written("train", texts(8, lambda i: i % 2), features=features)
    written("validation", texts(6, lambda i: ["good", "bad"][i % 2]))
    _, arrays = done(compose(*OURS))
    assert arrays["targets/validation"].tolist() == [1, 0, 1, 0, 1, 0]
    assert load(compose(*OURS)).training.targets.tolist() == [1, 0, 1, 0, 1, 0, 1, 0]


def test_a_set_that_is_read_last_is_looked_at_first(compose: Compose, written: Written) -> None:
    written("train", texts(8, lambda i: i % 2))
    written("validation", texts(6, lambda i: i % 2))
    written("late", texts(6, lambda i: 7 if i == 4 else 0))
    config = compose(*OURS)
    config.task.evaluate["late"] = SplitConfig(config="mine", split="late", last_only=True)
    with pytest.raises(BenchmarkError, match=r"mine/late, column 'label', row 4 .*: 7 is out of range"):
        load(config)


TAGGING = [*OURS, "task.kind=tagging", "task.labels=[O,B-X,I-X]", "task.metrics=[tag_accuracy]"]


def tagged(count: int, tag: Callable[[int, int], int | None]) -> list[dict[str, Any]]:
    return [{"text": WORDS, "label": [tag(i, j) for j in range(4)]} for i in range(count)]


@pytest.mark.parametrize("part", ["protocol.micro_batch_size=1", "protocol.micro_batch_size=null"])
def test_words_without_a_tag_are_neither_learnt_nor_scored(
    compose: Compose, written: Written, part: str
) -> None:
    written("train", tagged(12, lambda i, j: -100 if j == 0 or i == 5 else 1 + j % 2))
    written("validation", tagged(6, lambda i, j: -100 if j == 0 or i == 2 else (i + j) % 3))
    record, arrays = done(compose(*TAGGING, part))
    assert np.isfinite(arrays["losses"]).all()
    assert record.examples == {"train": 11, "validation": 6}
    assert record.data.remarks["without_gold_label"] == {"mine/train": 15, "mine/validation": 9}
    targets, said = arrays["targets/validation"], arrays["predictions/validation"][-1]
    assert len(said) == 24
    gold = targets >= 0
    assert gold.sum() == 15
    assert record.scores["validation"]["tag_accuracy"] == pytest.approx((said == targets)[gold].mean())


def test_a_set_without_an_entity_has_no_f1_of_entities(compose: Compose, written: Written) -> None:
    written("train", tagged(4, lambda i, j: j % 3))
    config = compose(*TAGGING, "task.metrics=[ner]")
    written("validation", tagged(3, lambda i, j: 0 if j else -100))
    for look in (
        load,
        lambda config: tasks.look(config, pretrained.tokenizer(config.model, Path(config.cache))),
    ):
        with pytest.raises(
            BenchmarkError,
            match=r"mine/validation, column 'label': ner is not defined, because all known tags are 'O'",
        ):
            look(config)
    load(compose(*TAGGING))
    written("validation", tagged(3, lambda i, j: -100))  # a hidden set
    assert not load(config).evaluation["validation"].labelled


def test_the_shares_of_a_batch_are_by_words_with_a_tag(compose: Compose, written: Written) -> None:
    written("train", tagged(4, lambda i, j: 1 + j % 2 if j <= i else None))
    written("validation", tagged(2, lambda i, j: 1))
    task = load(compose(*TAGGING))
    assert [task.training.items([i]) for i in range(4)] == [1, 2, 3, 4]
    assert task.share([3], range(4)) == 0.4


ANSWERS = [
    *OURS,
    "task.kind=answers",
    "task.labels=[]",
    "task.text=[question,context]",
    "task.metrics=[squad]",
    "task.answers.step=8",
]


def asked(count: int, answers: Callable[[int], Any]) -> list[dict[str, Any]]:
    return [{"question": "not the", "context": "the is not and", "label": answers(i)} for i in range(count)]


def test_questions_whose_answers_are_not_given_are_not_scored(compose: Compose, written: Written) -> None:
    right = {"text": ["is"], "answer_start": [4]}
    written("train", asked(8, lambda i: None if i == 1 else right))
    written("validation", asked(6, lambda i: None if i in (1, 4) else right))
    written("hidden", asked(3, lambda i: {"text": [], "answer_start": []}))
    config = compose(*ANSWERS)
    config.task.evaluate["hidden"] = SplitConfig(config="mine", split="hidden")
    record, arrays = done(config)
    assert record.examples == {"train": 7, "validation": 6, "hidden": 3}
    assert record.data.remarks["without_gold_label"] == {"mine/validation": 2, "mine/hidden": 3}
    assert list(record.scores) == ["validation"]
    [stored] = arrays["predictions/validation"]
    assert stored.shape == (6, 4)
    assert np.flatnonzero(np.isnan(stored[:, 2])).tolist() == [1, 4]
    right_ones = [span == [4, 6] for span in stored[:, :2].tolist()]
    assert record.scores["validation"]["exact_match"] == np.mean([right_ones[i] for i in (0, 2, 3, 5)])
    for metric, value in record.scores["validation"].items():
        rows, score = scored_units.terms(arrays, "validation", metric, config, value, -1)
        assert (len(rows), score(rows.mean(0))) == (4, value)


def test_questions_without_an_answer_are_refused_or_learnt(compose: Compose, written: Written) -> None:
    nothing, right = {"text": [], "answer_start": []}, {"text": ["is"], "answer_start": [4]}
    written("train", asked(16, lambda i: nothing if i else right))
    written("validation", asked(4, lambda i: nothing if i % 2 else right))
    with pytest.raises(BenchmarkError, match=r"mine/train, column 'label', row 1 .*unanswerable=true"):
        load(compose(*ANSWERS))
    learnt = ("protocol.epochs=30", "protocol.learning_rate=3e-3", "task.answers.unanswerable=true")
    record, arrays = done(compose(*ANSWERS, *learnt))
    assert record.examples["train"] == 16
    assert record.data.remarks["unanswerable"] == {"mine/train": 15, "mine/validation": 2}
    # Nearly all training questions have no answer: that is what is learnt, and right for half of the others.
    assert arrays["predictions/validation"][-1].tolist() == [[-1, -1, right, right] for right in (0, 1, 0, 1)]
    assert record.scores["validation"] == {"f1": 0.5, "exact_match": 0.5}


def test_names_with_a_slash_are_names(compose: Compose, written: Written) -> None:
    written("train", texts(8, lambda i: i % 2))
    written("validation", texts(6, lambda i: i % 2))
    config = compose(*OURS)
    config.task.evaluate = dict.fromkeys(("dev/easy", "dev/hard"), config.task.evaluate["validation"])
    assert list(run(Run(config)).scores) == ["dev/easy", "dev/hard"]
