"""Checks of a split's columns: if a text, label, value or tag does not fit its task, the row is named.

Nothing is cast or cut here. A missing target (null, or -1 for a class) means that the row has no gold label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from datasets import ClassLabel, Value

from benchmark.data.rows import Rows, spelt
from benchmark.data.typed import among_numbers, has_comma
from benchmark.errors import BenchmarkError
from benchmark.tasks.coding import LABELS_SHOWN, MISSING, NO_GOLD, UnfitError, coding, described
from benchmark.tasks.input_limits import spelt_limit

IGNORED_TAGS = (-1, -100)  # tags of words that do not count; -100 is what `transformers` writes
LARGEST = float(np.finfo(np.float32).max)


def check_texts(rows: Rows, columns: Sequence[str]) -> int:
    """Count the rows with an empty text in one of ``columns``.

    Raises: BenchmarkError for a split without rows, and for a value that is missing or not a text.
    """
    if not len(rows):
        raise BenchmarkError(f"task {rows.task!r}: {rows.place} has no rows")
    empty = np.zeros(len(rows), bool)
    for column in columns:
        values = rows.column(column)
        if rows.data.features[column] != Value("string") or None in values:
            for row, value in enumerate(values):
                if not isinstance(value, str):
                    raise rows.refusal(column, row, value, f"is {described(value)}, and a text is wanted")
        empty |= np.fromiter((not value.strip() for value in values), bool, len(rows))
    return int(empty.sum())


def check_room(tokenizer: Any, max_length: int, texts: int, where: str) -> None:
    """Refuse a length that holds special tokens only.

    Raises: BenchmarkError naming ``max_length``, which is the limit of the split ``where``.
    """
    special = tokenizer.num_special_tokens_to_add(pair=texts == 2)
    if max_length < special + texts:
        raise BenchmarkError(
            f"{spelt_limit(tokenizer, max_length)} of {where}: must be at least {special + texts}, for {special} special tokens "
            f"and one more per text"
        )


def classes(rows: Rows, column: str, labels: list[str], label_map: Mapping[str, str]) -> np.ndarray:
    """The class of every row by its label's name, (rows,) int64; -1 without a gold label.

    Raises: BenchmarkError for a target that is not one of ``labels``.
    """
    if label_map:
        codes = {said: labels.index(label) for said, label in label_map.items()}
        said = spelt(rows, column, label_map)
        return np.array([NO_GOLD if value is None else codes[value] for value in said], np.int64)
    coded = coding(labels, names_of(rows.data.features[column]), (NO_GOLD,))
    return np.array(_each(rows, column, rows.column(column), coded), np.int64)


def values(rows: Rows, column: str) -> np.ndarray:
    """The value of every row of a regression, (rows,) float32; NaN without one.

    Raises: BenchmarkError for a target that is not a finite number.
    """
    if names := names_of(rows.data.features[column]):
        raise BenchmarkError(
            f"task {rows.task!r}: {rows.place}, column {column!r} has the classes {_shown(names)}, and task.labels "
            f"is empty, which makes a regression: name the labels"
        )
    return np.array(_each(rows, column, rows.column(column), _value), np.float32)


def sentences(
    rows: Rows, words: str, tags: str, labels: list[str]
) -> tuple[list[list[str]], list[list[int]]]:
    """The words of every sentence and their classes; -1 without a gold label.

    Raises: BenchmarkError for values that are not lists of words and of as many tags.
    """
    if not len(rows):
        raise BenchmarkError(f"task {rows.task!r}: {rows.place} has no rows")
    coded = coding(labels, names_of(getattr(rows.data.features[tags], "feature", None)), IGNORED_TAGS)
    all_words, all_tags = rows.column(words), rows.column(tags)
    known: dict[Any, int] = {}
    result = []
    for row, (sentence, spelling) in enumerate(zip(all_words, all_tags, strict=True)):
        if not isinstance(sentence, list):
            raise rows.refusal(
                words, row, sentence, f"is {described(sentence)}, and a list of words is wanted"
            )
        for word in sentence:
            if not isinstance(word, str):
                raise rows.refusal(
                    words, row, sentence, f"has {word!r} among its words, and all must be texts"
                )
        if spelling is None:
            result.append([NO_GOLD] * len(sentence))
            continue
        if not isinstance(spelling, list):
            raise rows.refusal(tags, row, spelling, f"is {described(spelling)}, and a list of tags is wanted")
        if len(spelling) != len(sentence):
            raise rows.refusal(
                tags,
                row,
                spelling,
                f"has {len(spelling)} tags, and {words!r} has {len(sentence)} words: give one tag per word",
            )
        result.append([_once(rows, tags, row, tag, coded, known) for tag in spelling])
    return all_words, result


def names_of(feature: Any) -> list[str]:
    """The names that a file gives to the numbers of a column; empty without names."""
    return list(feature.names) if isinstance(feature, ClassLabel) else []


def _each(rows: Rows, column: str, targets: list[Any], coded: Callable[[Any], Any]) -> list[Any]:
    known: dict[Any, Any] = {}
    try:
        return [_once(rows, column, row, target, coded, known) for row, target in enumerate(targets)]
    except BenchmarkError:
        odd = among_numbers(targets)
        if odd is not None and not _fits(targets[odd], coded):
            fault = f"is not a number, and most values of the column are; {MISSING} a missing one"
            raise rows.refusal(column, odd, targets[odd], fault) from None
        raise


def _once(
    rows: Rows,
    column: str,
    row: int,
    target: Any,
    coded: Callable[[Any], Any],
    known: dict[Any, Any],
) -> Any:
    """The code of ``target``; ``known`` keeps the codes of values met before."""
    if isinstance(target, list | tuple | dict | set | np.ndarray):
        raise rows.refusal(
            column, row, target, f"is {described(target)}: several labels for one example are not supported"
        )
    key = type(target), target
    if key not in known:
        try:
            known[key] = coded(target)
        except UnfitError as error:
            raise rows.refusal(column, row, target, str(error)) from None
    return known[key]


def _fits(target: Any, coded: Callable[[Any], Any]) -> bool:
    try:
        coded(target)
    except UnfitError:
        return False
    return True


def _value(target: Any) -> float:
    if target is None:
        return math.nan
    if isinstance(target, str) and has_comma(target):
        raise UnfitError("has a decimal comma: write numbers with a point")
    if isinstance(target, bool) or not isinstance(target, int | float | Decimal):
        raise UnfitError(
            f"is {described(target)}, and a number is wanted (task.labels is empty: a regression)"
        )
    value = float(target)
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise UnfitError(f"is not a finite number; {MISSING} a missing value")
    return value


def _shown(names: Sequence[str]) -> str:
    return f"[{', '.join(names[:LABELS_SHOWN])}{', …' if len(names) > LABELS_SHOWN else ''}]"
