"""The artificial languages: what is said in them, and what carries over from the first to the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyarrow import parquet

from benchmark.config.schema import RunConfig
from benchmark.config.splits import training_splits
from benchmark.embedded import multilingual_tasks
from benchmark.embedded.tongues import ORDERS, tongue
from benchmark.places import ROOT
from benchmark.runs.run import Run, run

CACHE = ROOT / ".cache"

Compose = Callable[..., RunConfig]
OTHERS = ["de", "hi", "zh"]


def rows(config: str, split: str = "test") -> list[dict[str, Any]]:
    path = multilingual_tasks.build(CACHE) / config / f"{split}-00000-of-00001.parquet"
    return parquet.read_table(path).to_pylist()


@pytest.mark.parametrize("code", ORDERS)
def test_answers_stand_where_they_are_said_to(code: str) -> None:
    for row in rows(f"reading.{code}"):
        (start,), (text,) = row["answers"]["answer_start"], row["answers"]["text"]
        assert text
        assert row["context"][start : start + len(text)] == text


def test_languages_have_words_orders_and_writing_of_their_own() -> None:
    said = {code: rows(f"tagged.{code}") for code in ORDERS}
    assert [row["pos_tags"] for row in said["en"]] == [row["pos_tags"] for row in said["de"]]
    assert [row["pos_tags"] for row in said["en"]] != [row["pos_tags"] for row in said["hi"]]
    for code in OTHERS:
        assert [sorted(row["ner_tags"]) for row in said["en"]] == [
            sorted(row["ner_tags"]) for row in said[code]
        ]
        words = {form for concept, form in tongue(code).words.items() if concept.startswith("quality")}
        assert not words & set(tongue("en").words.values())
    assert not any(" " in row["context"] for row in rows("reading.zh"))


def test_a_mined_pair_is_among_the_sentences() -> None:
    ids = {row["id"]: row["lang"] for row in rows("mining.hi.sentences")}
    pairs = rows("mining.hi")
    assert len(ids) == 2 * (multilingual_tasks.MINED + multilingual_tasks.UNPAIRED)
    assert {(ids[row["source_id"]], ids[row["target_id"]]) for row in pairs} == {("hi", "en")}


@pytest.mark.parametrize("task", ["inference", "paraphrase", "word_classes", "entities", "questions"])
def test_all_languages_can_be_trained_in(compose: Compose, task: str) -> None:
    splits = training_splits(compose(f"task={task}", "task.setting=translate_train_all").task)
    assert [split.language for split in splits] == list(ORDERS)


# Guessing gives a half of the pairs, a third of the words at most, hardly an entity, and an answer in twenty.
@pytest.mark.parametrize(
    ("task", "metric", "least"),
    [
        ("paraphrase", "accuracy", 0.62),
        ("word_classes", "tag_accuracy", 0.7),
        ("entities", "f1", 0.15),
        ("questions", "exact_match", 0.2),
    ],
)
def test_what_is_learnt_in_the_first_language_holds_in_the_others(
    compose: Compose, task: str, metric: str, least: float
) -> None:
    record = run(Run(compose("model=embedded_multilingual", f"task={task}")))
    for code in OTHERS:
        assert record.scores[f"{task}/{code}"][metric] > least, code
