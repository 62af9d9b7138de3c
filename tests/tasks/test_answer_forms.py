"""The forms of the right answers to a question: all of them are read into one, and others are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmark.tasks.answer_forms import Given, read_answer
from benchmark.tasks.coding import UnfitError

ONE = Given(["good"], [12])


@pytest.mark.parametrize(
    "value",
    [
        {"text": ["good"], "answer_start": [12]},
        {"text": "good", "answer_start": 12},
        [{"text": "good", "answer_start": 12}],
        [{"text": ["good"], "answer_start": [12]}],
        {"text": ["good"], "answer_start": ["12"]},
        {"text": ["good"], "answer_start": [12.0]},
        json.dumps({"text": ["good"], "answer_start": [12]}),
        json.dumps([{"text": "good", "answer_start": 12}]),
    ],
)
def test_every_form_of_one_answer_is_the_same(value: Any) -> None:
    assert read_answer(value) == ONE


def test_several_answers_keep_their_order() -> None:
    both = [{"text": "good", "answer_start": 12}, {"text": "is", "answer_start": 9}]
    assert read_answer(both) == Given(["good", "is"], [12, 9])


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"text": [], "answer_start": []},
        {"text": [""], "answer_start": [-1]},
        {"text": None, "answer_start": None},
        "[]",
    ],
)
def test_a_question_without_an_answer_has_none(value: Any) -> None:
    assert read_answer(value) == Given([], [])


@pytest.mark.parametrize("value", [None, "null"])
def test_an_answer_that_is_not_given_is_not_the_same_as_none(value: Any) -> None:
    assert read_answer(value) is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("good", "not JSON"),
        ("[" * 5000, "not JSON"),
        ("9" * 5000, "not JSON"),
        ("{'text': ['good'], 'answer_start': [12]}", "not JSON"),
        (12, "no texts with their places"),
        (["good"], "no texts with their places"),
        ({"text": ["good"]}, "no 'answer_start'"),
        ({"answer_start": [12]}, "no 'text'"),
        ({"text": ["good"], "answer_start": [12, 3]}, "1 texts and 2 places"),
        ({"text": [None], "answer_start": [12]}, "None in place of a text"),
        ({"text": [5], "answer_start": [12]}, "5 in place of a text"),
        ({"text": ["good", ""], "answer_start": [12, 0]}, "an empty text among"),
        ({"text": ["good"], "answer_start": [12.5]}, "12.5 in place of a number of characters"),
        ({"text": ["good"], "answer_start": [None]}, "None in place of a number"),
        ({"text": ["good"], "answer_start": ["twelve"]}, "'twelve' in place of a number"),
        ({"text": ["good"], "answer_start": [True]}, "True in place of a number"),
    ],
)
def test_other_forms_say_what_they_lack(value: Any, fault: str) -> None:
    with pytest.raises(UnfitError, match=fault):
        read_answer(value)
