"""Columns that are looked at before training, and the one line about what does not fit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from benchmark.data.rows import Rows
from benchmark.errors import BenchmarkError
from benchmark.tasks import columns

LABELS = ["bad", "good"]


def rows_of(features: Features | None = None, **columns: list[Any]) -> Rows:
    data = Dataset.from_dict(columns, features=features)
    return Rows("mine", "mine/train", data, 10 + np.arange(len(data)))


def test_a_refusal_names_split_column_row_and_value() -> None:
    with pytest.raises(
        BenchmarkError, match=r"task 'mine': mine/train, column 'label', row 12 \(from 0\): 7 is out of range"
    ):
        columns.classes(rows_of(label=[0, 1, 7]), "label", LABELS, {})


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(BenchmarkError) as caught:
        columns.classes(rows_of(label=["x" * 5000]), "label", LABELS, {})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("target", [[0, 1], [1], {"a": 1}])
def test_several_labels_for_one_example_are_refused(target: Any) -> None:
    with pytest.raises(BenchmarkError, match="several labels for one example"):
        columns.classes(rows_of(label=[target]), "label", LABELS, {})


def test_a_map_of_labels_takes_numbers_and_the_names_of_the_file() -> None:
    features = Features({"label": ClassLabel(names=["neg", "pos"])})
    rows = rows_of(features, label=[0, 1, None])
    assert columns.classes(rows, "label", LABELS, {"pos": "bad", "neg": "good"}).tolist() == [1, 0, -1]
    assert columns.classes(rows, "label", LABELS, {"0": "bad", "1": "good"}).tolist() == [0, 1, -1]


def test_values_below_zero_are_values_and_null_is_none() -> None:
    values = columns.values(rows_of(score=[-1.5, 2.0, None]), "score")
    assert values.dtype == np.float32
    assert values[:2].tolist() == [-1.5, 2.0]
    assert np.isnan(values[2])
    assert columns.values(rows_of(score=[Decimal("-1.50"), None]), "score")[0] == -1.5


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (float("nan"), "not a finite number"),
        (float("-inf"), "not a finite number"),
        (1e39, "not a finite number"),  # infinite in float32
        (True, "truth value"),
        ("0.5", "is a text"),
        ("1.000,5", "has a decimal comma: write numbers with a point"),
        ([0.5], "several labels"),
    ],
)
def test_what_is_no_value_is_refused(value: Any, fault: str) -> None:
    with pytest.raises(BenchmarkError, match=rf"'score', row 10 .*{fault}"):
        columns.values(rows_of(score=[value]), "score")


def test_the_word_that_makes_texts_of_a_column_of_numbers_is_named() -> None:
    with pytest.raises(
        BenchmarkError, match=r"'score', row 12 .*'NA' is not a number, and most .* empty field"
    ):
        columns.values(rows_of(score=["3.5", None, "NA", "1e-3"]), "score")
    with pytest.raises(BenchmarkError, match=r"'label', row 11 .*'x' is not a number"):
        columns.classes(rows_of(label=["0", "x", "1"]), "label", LABELS, {})
    with pytest.raises(BenchmarkError, match=r"'label', row 10 .*'0' is none of the labels"):
        columns.classes(rows_of(label=["0", "good", "bad"]), "label", LABELS, {})
    with pytest.raises(BenchmarkError, match=r"'label', row 13 .*'0' is none of the labels"):
        columns.classes(rows_of(label=["1", "2", "unsure", "0"]), "label", ["1", "2", "unsure"], {})


def test_classes_are_no_values() -> None:
    rows = rows_of(Features({"label": ClassLabel(names=["neg", "pos"])}), label=[0, 1])
    with pytest.raises(BenchmarkError, match=r"has the classes \[neg, pos\], and task.labels is empty"):
        columns.values(rows, "label")


@pytest.mark.parametrize("value", [None, 5, ["a text"], True])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(BenchmarkError, match=r"column 'text', row 10 .*a text is wanted"):
        columns.check_texts(rows_of(text=[value]), ["text"])


def test_one_missing_text_among_many_is_found() -> None:
    with pytest.raises(BenchmarkError, match=r"column 'text', row 12 .*None is missing"):
        columns.check_texts(rows_of(text=["a", "b", None]), ["text"])


def test_empty_texts_are_counted_by_row() -> None:
    assert columns.check_texts(rows_of(a=["", "x", "y"], b=[" ", "x", ""]), ["a", "b"]) == 2


def test_a_split_without_rows_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="mine/train has no rows"):
        columns.check_texts(rows_of(text=[]), ["text"])


TAGS = ["O", "B-PER", "I-PER"]


def test_tags_are_found_by_name_and_words_that_do_not_count_have_none() -> None:
    features = Features(
        {"words": List(Value("string")), "tags": List(ClassLabel(names=["I-PER", "O", "B-PER"]))}
    )
    rows = rows_of(features, words=[["a", "b"], ["c"], []], tags=[[2, 0], [1], []])
    assert columns.sentences(rows, "words", "tags", TAGS)[1] == [[1, 2], [0], []]
    rows = rows_of(words=[["a", "b", "c", "d"], ["e"]], tags=[[-100, -1, None, 2], None])
    assert columns.sentences(rows, "words", "tags", TAGS)[1] == [[-1, -1, -1, 2], [-1]]


@pytest.mark.parametrize(
    ("words", "tags", "fault"),
    [
        ("a b", [0, 0], r"'words', row 10 .*is a text, and a list of words is wanted"),
        (None, [0], r"'words', row 10 .*is missing, and a list of words"),
        (["a", None], [0, 0], r"'words', row 10 .*has None among its words"),
        (["a", "b"], [0], r"'tags', row 10 .*has 1 tags, and 'words' has 2 words"),
        (["a", "b"], [0, 0, 0], r"'tags', row 10 .*has 3 tags, and 'words' has 2 words"),
        (["a", "b"], "[0, 0]", r"'tags', row 10 .*is a text, and a list of tags is wanted"),
        (["a", "b"], [0, 3], r"'tags', row 10 .*3 is out of range"),
        (["a", "b"], [0, -2], r"'tags', row 10 .*-2 is out of range"),
        (["a", "b"], [0.5, 0.0], r"'tags', row 10 .*0.5 is not a whole number"),
        (["a", "b"], ["O", "B-ORG"], r"'tags', row 10 .*'B-ORG' is none of the labels"),
        (["a"], [[0]], r"'tags', row 10 .*several labels"),
    ],
)
def test_words_and_tags_that_do_not_fit_are_refused(words: Any, tags: Any, fault: str) -> None:
    with pytest.raises(BenchmarkError, match=fault):
        columns.sentences(rows_of(words=[words], tags=[tags]), "words", "tags", TAGS)
