"""Texts that look the same are told apart by their code points, and none is proposed in place of itself."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from datasets import Dataset

from benchmark.config.schema import SplitConfig, TaskConfig
from benchmark.config.validation import validate
from benchmark.data import local
from benchmark.data.rows import chosen
from benchmark.errors import BenchmarkError, hint, nearest
from benchmark.models.checkpoint import located
from benchmark.printable import looks_like
from benchmark.tasks.coding import UnfitError, coding

ALIKE = [
    ("caf\xe9", "cafe\u0301"),
    ("\ud55c\uae00", unicodedata.normalize("NFD", "\ud55c\uae00")),
    ("\uff21\uff22", "AB"),
    ("\uff76\uff9e", "\u30ac"),
    ("good\u200b", "good"),
    ("\ufeffgood", "good"),
    ("go\u00adod", "good"),
    ("\u263a\ufe0f", "\u263a"),
    ("a\xa0b", "a b"),
    ("a  b", "a b"),
    ("g\u043e\u043ed", "good"),
    ("\u0441\u043e\u0440", "cop"),
    ("\xb5", "\u03bc"),
]
OTHERS = [
    ("na\xefve", "naive"),
    ("\xb2", "2"),
    ("\xbd", "1/2"),
    ("a", "A"),
    ("\u0434\u0430", "ja"),
    ("a", "a"),
]


@pytest.mark.parametrize(("first", "second"), ALIKE, ids=ascii)
def test_the_difference_is_shown(first: str, second: str) -> None:
    assert looks_like(first, second)
    assert looks_like(second, first)
    assert hint(first, ["other", second]) == f"; did you mean {second!a} in place of {first!a}?"
    with pytest.raises(UnfitError) as wrong:
        coding([second, "other"], [], (-1,))(first)
    assert f"did you mean {second!a} in place of {first!a}?" in str(wrong.value)
    with pytest.raises(UnfitError, match="did you mean"):
        coding([second, "other"], [first], (-1,))(0)


@pytest.mark.parametrize(("first", "second"), OTHERS, ids=ascii)
def test_a_difference_that_is_seen_needs_no_code_points(first: str, second: str) -> None:
    assert not looks_like(first, second)
    assert "in place of" not in hint(first, [second])


def test_a_text_is_not_proposed_in_place_of_itself() -> None:
    assert hint("good", ["good"]) == ""
    assert nearest("good", ["good", "goods"]) == "; did you mean 'goods'? (valid: good, goods)"


def test_two_labels_that_look_the_same_are_refused(compose) -> None:
    config = compose("task=opinion")
    config.task.labels = ["caf\xe9", "cafe\u0301"]
    with pytest.raises(BenchmarkError, match=r"'caf\\xe9' and 'cafe\\u0301' look the same"):
        validate(config)


def test_a_label_map_and_folders_that_look_right_are_told_apart(tmp_path: Path) -> None:
    split = SplitConfig(split="train", label_map={"caf\xe9": "bad"})
    rows = Dataset.from_dict({"text": ["a"], "label": ["cafe\u0301"]})
    task = TaskConfig(name="mine", text=["text"], labels=["bad", "good"])
    shown = r"did you mean 'cafe\\u0301' in place of 'caf\\xe9'\?"
    with pytest.raises(BenchmarkError, match=shown):
        chosen(task, split, rows)
    (tmp_path / "cafe\u0301").mkdir()
    with pytest.raises(BenchmarkError, match=shown):
        local.path_of(f"{tmp_path}/caf\xe9")
    with pytest.raises(BenchmarkError, match=shown):
        located("mine", f"{tmp_path}/caf\xe9")
