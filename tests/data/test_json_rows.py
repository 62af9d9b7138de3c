"""JSON files give their rows in every usual form, or are refused with file and row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmark.data import json_rows
from benchmark.errors import BenchmarkError

ROWS: list[dict[str, Any]] = [{"text": "a", "label": 0}, {"text": "b", "label": 1}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def columns(tmp_path: Path, name: str, text: str) -> dict[str, list[Any]]:
    path = tmp_path / name
    path.write_text(text)
    return {
        key: value.to_pylist() for key, value in json_rows.columns([(path, json_rows.read(path))]).items()
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", LINES),
        ("a.json", LINES),
        ("a.jsonl", "\ufeff" + LINES + "\n"),
        ("a.json", json.dumps(ROWS, indent=2)),
        ("a.json", json.dumps({"version": "1", "data": ROWS})),
        ("a.json", json.dumps({"text": ["a", "b"], "label": [0, 1]})),
        ("a.json", json.dumps({"text": {"0": "a", "1": "b"}, "label": {"0": 0, "1": 1}})),
    ],
)
def test_every_form_gives_the_same_rows(name: str, text: str, tmp_path: Path) -> None:
    assert columns(tmp_path, name, text) == {"text": ["a", "b"], "label": [0, 1]}


def test_a_key_that_a_row_lacks_is_missing(tmp_path: Path) -> None:
    assert columns(tmp_path, "a.jsonl", '{"text": "a"}\n{"text": "b", "label": 1}\n')["label"] == [None, 1]


def test_questions_of_squad_are_found_in_their_paragraphs(tmp_path: Path) -> None:
    asked = {"id": "1", "question": "q", "answers": [{"text": "c", "answer_start": 0}]}
    article = {"title": "t", "paragraphs": [{"context": "c d", "qas": [asked, asked]}]}
    read = columns(tmp_path, "a.json", json.dumps({"version": "1.1", "data": [article]}))
    assert read["context"] == ["c d"] * 2
    assert read["question"] == ["q"] * 2


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.jsonl", '{"text": "a"}\n{"text": \n', "a.jsonl, line 2: no JSON"),
        ("a.json", '[{"text": "a"}, ', "a.json, line 1: no JSON"),
        ("a.jsonl", '{"text": "a"}\n[1]\n', r"a.jsonl, row 1: \[1\] where an object is wanted"),
        ("a.json", "[1, 2]", "a.json, row 0: 1 where an object is wanted"),
        ("a.json", "3", "a.json: 3 where rows are wanted"),
        ("a.json", '{"a": [1], "b": [1, 2]}', "a.json: an object with the keys a, b"),
        ("a.jsonl", '{"label": 0, "label": 1}\n', "a.jsonl, line 1: an object has the key 'label' twice"),
        ("a.jsonl", "", "a.jsonl is empty"),
        ("a.jsonl", "[" * 100_000, "a.jsonl, line 1: maximum recursion depth"),
        ("a.json", f'[{{"label": {"9" * 5000}}}]', "a.json: Exceeds the limit"),
        (
            "a.jsonl",
            '{"text": "a"}\n{"text": ["b \\ud800"]}\n',
            r"a.jsonl, row 1: column 'text' has \\ud800, half of a surrogate pair",
        ),
        ("a.jsonl", '{"x": 1}\n{"x": 2}\n{"x": "y"}\n', "a.jsonl, row 2: column 'x' has \"y\""),
        ("a.jsonl", '{"x": "y"}\n{"x": null}\n{"x": [1]}\n', r"a.jsonl, row 2: column 'x' has \[1\]"),
        (
            "a.jsonl",
            '{"x": 12345678901234567890}\n',
            "row 0: column 'x' has 1234.*, and whole numbers have 64 bits",
        ),
        (
            "a.jsonl",
            '{"x": [1]}\n{"x": [1, "a"]}\n',
            r"row 1: column 'x' has \[1, \"a\"\], whose parts have different types",
        ),
        (
            "a.jsonl",
            '{"x": "y"}\n{"x": "\\ud800"}\n',
            "a.jsonl, row 1: column 'x' has .*half of a surrogate pair",
        ),
    ],
)
def test_a_fault_is_named_with_file_and_row(name: str, text: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=line):
        columns(tmp_path, name, text)


def test_a_column_of_unlike_values_matters_only_if_it_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a", "id": 1}\n{"text": "b", "id": "x"}\n')
    files = [(tmp_path / "a.jsonl", json_rows.read(tmp_path / "a.jsonl"))]
    assert list(json_rows.columns(files, ["text"])) == ["text"]
    with pytest.raises(BenchmarkError, match=r"a.jsonl, row 1: column 'id' has \"x\""):
        json_rows.columns(files, ["text", "id"])
