"""The rows of a split that a task uses: numbered as in the file, and the others counted by reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from benchmark.config.schema import SplitConfig, TaskConfig
from benchmark.data.rows import chosen, spelt
from benchmark.errors import BenchmarkError


def choose(columns: dict[str, list[Any]], features: Features | None = None, **split: Any) -> Any:
    task = TaskConfig(
        name="mine", text=["text"], metrics=["accuracy"], evaluate={}, drop_untranslated="text" in columns
    )
    data = Dataset.from_dict(columns, features=features)
    return chosen(task, SplitConfig(config="mine", split="train", **split), data)


def test_rows_keep_their_numbers_and_the_others_are_counted() -> None:
    rows = choose(
        {"id": ["de-1", "en-1", "en-2", "en-3"], "text": ["a", "NS", "b", "c"], "label": [0, 0, 5, 1]},
        rows={"id": "en-*"},
        label_map={"0": "bad", "1": "good"},
    )
    assert rows.numbers.tolist() == [3]
    assert rows.left_out == {"rows": 1, "untranslated": 1, "label_map": 1}
    assert "row 3 (from 0): 1 is odd" in str(rows.refusal("label", 0, 1, "is odd"))
    assert rows.place == "mine/train [id=en-*]"


def test_a_map_of_labels_drops_no_row_that_has_no_target() -> None:
    rows = choose({"label": ["neg", None, "Pos "]}, label_map={"neg": "bad", "pos": "good"})
    assert rows.column("label") == ["neg", None]
    assert rows.left_out == {"label_map": 1}


def test_a_map_of_labels_may_use_the_names_in_the_file() -> None:
    features = Features({"label": ClassLabel(names=["neg", "pos", "other"])})
    rows = choose({"label": [0, 1, 2]}, features, label_map={"neg": "bad", "1": "good"})
    assert (rows.column("label"), rows.left_out) == ([0, 1], {"label_map": 1})


def test_no_row_at_all_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"no row of mine/train has one of the targets neg in 'label'"):
        choose({"label": ["a", "b"]}, label_map={"neg": "bad"})
    with pytest.raises(BenchmarkError, match=r"no row of mine/train .* has id like 'en-\*' \(it has de\)"):
        choose({"id": ["de-1"]}, Features({"id": Value("string")}), rows={"id": "en-*"})


def test_a_truth_value_is_spelt_as_in_python_or_as_in_json() -> None:
    for no, yes in (("False", "True"), ("false", "true")):
        spelling = {no: "bad", yes: "good"}
        rows = choose({"label": [True, False, None]}, label_map=spelling)
        assert spelt(rows, "label", spelling) == [yes, no, None]


def test_a_whole_number_is_spelt_as_the_label_map_spells_it() -> None:
    for spelling in ({"0": "bad", "1": "good"}, {"0.0": "bad", "1.0": "good"}):
        rows = choose({"label": [0.0, 1.0, None]}, label_map=spelling)
        assert (rows.column("label"), rows.left_out) == ([0.0, 1.0, None], {})
    for numbers, spelling in (
        ([Decimal("0.00"), Decimal("1.00")], {"0": "a", "1": "b"}),
        ([0, 1], {"0.0": "a", "1.0": "b"}),
    ):
        rows = choose({"label": numbers}, label_map=spelling)
        assert (len(rows), rows.left_out) == (2, {})
    with pytest.raises(BenchmarkError, match=r"one of the targets neg in 'label' \(it has 0, 1\)"):
        choose({"label": [0.0, 1.0]}, label_map={"neg": "bad"})
