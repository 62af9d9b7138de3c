"""The forms in which files give right answers to a question, read into one form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from benchmark.data.rows import Rows
from benchmark.tasks.coding import UnfitError

VALID = (
    '{"text": ["the answer"], "answer_start": [0]}, a list of {"text": …, "answer_start": …}, or either as JSON; '
    "empty lists for a question without an answer, null for a question whose answer is not given"
)


@dataclass(frozen=True)
class Given:
    """The right answers to a question, and the characters where they begin."""

    texts: list[str]
    starts: list[int]


def answers(rows: Rows, column: str) -> list[Given | None]:
    """The right answers to every question; None where they are not given.

    Raises: BenchmarkError for a form that is not known.
    """
    result = []
    for row, value in enumerate(rows.column(column)):
        try:
            result.append(read_answer(value))
        except UnfitError as error:
            raise rows.refusal(column, row, value, f"{error} (valid: {VALID})") from None
    return result


def read_answer(value: Any) -> Given | None:
    """Read the answers to one question in any of the forms.

    Raises: UnfitError for another form.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise UnfitError("is a text that is not JSON") from None
    if value is None:
        return None
    if isinstance(value, list):
        parts = [_lists(part) for part in value]
        return Given([text for part in parts for text in part[0]], [s for part in parts for s in part[1]])
    return Given(*_lists(value))


def _lists(value: Any) -> tuple[list[str], list[int]]:
    """The texts and starts of ``{"text": …, "answer_start": …}``, each one or a list."""
    if not isinstance(value, dict):
        raise UnfitError("gives no texts with their places")
    if missing := [key for key in ("text", "answer_start") if key not in value]:
        raise UnfitError(f"has no {missing[0]!r}")
    texts, starts = (
        part if isinstance(part, list) else [part] for part in (value["text"], value["answer_start"])
    )
    if None in (value["text"], value["answer_start"]) and value["text"] == value["answer_start"]:
        texts, starts = [], []
    if len(texts) != len(starts):
        raise UnfitError(f"has {len(texts)} texts and {len(starts)} places")
    for text in texts:
        if not isinstance(text, str):
            raise UnfitError(f"has {text!r} in place of a text")
    if texts and not any(text.strip() for text in texts):  # some files write "" if there is no answer
        return [], []
    if any(not text.strip() for text in texts):
        raise UnfitError("has an empty text among its answers")
    return texts, [_start(start) for start in starts]


def _start(start: Any) -> int:
    """A place as a number of characters, also from text or from a whole float."""
    if isinstance(start, str) and start.strip().removeprefix("-").isdecimal():
        return int(start)
    if isinstance(start, float) and start.is_integer():
        return int(start)
    if isinstance(start, bool) or not isinstance(start, int):
        raise UnfitError(f"has {start!r} in place of a number of characters")
    return start
