"""A task for a user's data set, guessed from its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, Value
from datasets.features.features import FeatureType

from benchmark.data.rows import Rows
from benchmark.errors import BenchmarkError, unknown
from benchmark.tasks import answer_forms, class_texts
from benchmark.tasks.targets_in_numbers import check_different, check_finite, check_no_numbers
from benchmark.tasks.usual_names import ASKED, PAIRS, TAGS, TARGETS, TEXTS, VALUES, WORDS

MOST_CLASSES = 100  # a column with more different values does not hold classes
MOST_NUMBERS = 20  # with more different whole numbers, it is a regression
SKEWED = 0.7  # if the largest class has this share or more, accuracy says little


@dataclass
class Guess:
    """The keys of a task, and the reasons for each guess."""

    kind: str
    text: list[str]
    target: str
    metrics: list[str]
    labels: list[str] = field(default_factory=list)
    label_map: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


def guessed(rows: Dataset, text: Sequence[str] = (), target: str | None = None) -> Guess:
    """The task that fits the columns of a training split; ``text`` and ``target`` may be given.

    Raises: BenchmarkError naming the columns, if they do not tell.
    """
    for column in (*text, *([target] if target else [])):
        if column not in rows.column_names:
            raise unknown("column", column, rows.column_names)
    if not text and not target and set(ASKED) <= set(rows.column_names):
        return _answers(rows)
    lists = [name for name, kind in rows.features.items() if _is_list(kind)]
    if len(lists) > 1 and not (text and text[0] not in lists):
        return _tagging(rows, lists, text, target)
    return _classification(rows, list(text), target)


def _answers(rows: Dataset) -> Guess:
    guess = Guess("answers", ["question", "context"], "answers", ["squad"])
    guess.reasons.append("question, context and answers: extractive question answering, as in SQuAD")
    answers = answer_forms.answers(Rows("new", "the training split", rows, np.arange(len(rows))), "answers")
    without = sum(answer is not None and not answer.texts for answer in answers)
    if without:
        guess.answers = {"unanswerable": True}
        guess.reasons.append(f"unanswerable: {without} questions have no answer, as in SQuAD 2")
    return guess


def _tagging(rows: Dataset, lists: list[str], text: Sequence[str], target: str | None) -> Guess:
    words = text[0] if text else _first(WORDS, lists) or lists[0]
    tags = target or _first(TAGS, [name for name in lists if name != words])
    if tags is None:
        raise _unclear("tags", rows, "--target")
    inner = getattr(rows.features[tags], "feature", None)
    reasons = [f"{words} and {tags} are lists: words, each with a tag"]
    if isinstance(inner, ClassLabel):
        labels = list(inner.names)
        reasons.append(f"labels: the {len(labels)} names that the data state for {tags}")
    else:
        values = {value for sentence in rows[tags] for value in sentence or () if value is not None}
        labels = sorted(map(str, values), key=lambda name: (name != "O", name))
        reasons.append(f"labels: the {len(labels)} tags of the training split")
        if not all(isinstance(value, str) for value in values):
            raise BenchmarkError(
                f"the tags in {tags!r} are numbers without names; give them names in the data"
            )
    if len(labels) < 2:
        raise _of_one_label(tags, labels)
    chunks = all(label == "O" or label[:2] in ("B-", "I-", "E-", "S-") for label in labels)
    reasons.append(
        "metrics: F1 of chunks, since tags begin with B- and I-" if chunks else "metrics: accuracy of tags"
    )
    return Guess("tagging", [words], tags, ["ner" if chunks else "tag_accuracy"], labels, reasons=reasons)


def _classification(rows: Dataset, text: list[str], target: str | None) -> Guess:
    reasons, stated = [], target is not None
    if target is None:
        target = _first((*TARGETS, *VALUES), rows.column_names)
        if target is None:
            few = [name for name in rows.column_names if name not in text and _has_few(rows[name][:])]
            if len(few) != 1:
                raise _unclear("target", rows, "--target")
            [target] = few
            reasons.append(f"target: {target}, the only column with few different values")
        else:
            reasons.append(f"target: {target}, by its name")
    if not text:
        text, reason = _texts(rows, target)
        reasons.append(reason)
    guess = Guess("classification", text, target, ["accuracy"], reasons=reasons)
    _fill_in_labels(guess, rows, None if stated else MOST_CLASSES)
    return guess


def _texts(rows: Dataset, target: str) -> tuple[list[str], str]:
    """The text columns of sentences or pairs, and the reason."""
    strings = [name for name, kind in rows.features.items() if _is_text(kind) and name != target]
    lower = {name.lower(): name for name in strings}
    for pair in PAIRS:
        if all(name in lower for name in pair):
            return [lower[name] for name in pair], f"text: {pair[0]} and {pair[1]}, a pair by their names"
    if known := _first(TEXTS, strings):
        return [known], f"text: {known}, by its name"
    long = [name for name in strings if _mean_words(rows[name][:1000]) >= 2]
    if len(long) == 1:
        return long, f"text: {long[0]}, the only column with several words"
    if len(long) == 2:
        return long, f"text: {long[0]} and {long[1]}, the two columns with several words, as a pair"
    raise _unclear("text", rows, "--text")


def _fill_in_labels(guess: Guess, rows: Dataset, most: int | None) -> None:
    """The classes of a target, or none for a regression, and the metrics."""
    kind, values = rows.features[guess.target], [value for value in rows[guess.target] if value is not None]
    if not values:
        raise BenchmarkError(f"the target {guess.target!r} has no value in the training split")
    if not isinstance(values[0], str | int | float | Decimal):
        longest = max(map(str, values), key=len)
        raise BenchmarkError(
            f"the target {guess.target!r} has {longest[:40]}: one label or number per row is wanted, and "
            "several for one example are not supported; name another column with --target"
        )
    check_finite(guess.target, values)
    counts = Counter(values)
    if isinstance(kind, ClassLabel):
        guess.labels = list(kind.names)
        guess.reasons.append(f"labels: the {len(guess.labels)} names that the data state for {guess.target}")
    elif isinstance(values[0], str):
        if len(counts) > MOST_NUMBERS:
            check_no_numbers(guess.target, values)
        if (most and len(counts) > most) or len(counts) == len(values) > 2:
            raise BenchmarkError(
                f"the target {guess.target!r} has {len(counts)} different texts in {len(values)} rows, too many "
                "for classes; name another column with --target"
            )
        guess.labels, guess.label_map, said = class_texts.classes(guess.target, counts)
        guess.reasons += said
    elif all(float(value).is_integer() for value in counts) and len(counts) <= MOST_NUMBERS:
        _number_classes(guess, sorted(counts))
    else:
        check_different(guess.target, counts)
        guess.metrics = ["pearson", "spearman"]
        guess.reasons.append(f"no labels: {guess.target} has {len(counts)} different numbers, a regression")
        guess.reasons.append("metrics: correlations, as for STS-B")
        return
    if len(guess.labels) < 2:
        raise _of_one_label(guess.target, guess.labels)
    share = max(counts.values()) / len(values)
    if share >= SKEWED:
        guess.metrics.append("matthews_correlation")
    largest = f"the largest class has {share:.0%} of the rows"
    guess.reasons.append(f"metrics: {' and '.join(guess.metrics)}; {largest}")


def _number_classes(guess: Guess, values: list[Any]) -> None:
    """Classes that are numbers, or truth values, which a task has to spell out."""
    guess.labels = [str(value if isinstance(value, bool) else int(value)) for value in values]
    if isinstance(values[0], bool):
        guess.label_map = {label: label for label in guess.labels}
    guess.reasons.append(
        f"labels: the {len(values)} numbers in {guess.target}; give them names if you know them"
    )


def _first(names: Sequence[str], columns: Sequence[str]) -> str | None:
    """The column with the first of the usual ``names``, in any case of its letters."""
    lower = {column.lower(): column for column in columns}
    return next((lower[name] for name in names if name in lower), None)


def _is_list(kind: FeatureType) -> bool:
    return hasattr(kind, "feature")


def _is_text(kind: FeatureType) -> bool:
    return isinstance(kind, Value) and kind.dtype in ("string", "large_string", "string_view")


def _has_few(values: list[Any]) -> bool:
    try:
        return 1 < len(set(values)) <= min(MOST_NUMBERS, len(values) // 2)
    except TypeError:  # lists and dictionaries
        return False


def _mean_words(texts: list[Any]) -> float:
    return sum(len(str(text).split()) for text in texts) / max(1, len(texts))


def _of_one_label(target: str, labels: Sequence[str]) -> BenchmarkError:
    return BenchmarkError(
        f"{target!r} has no two labels in the training split, but {', '.join(labels) or 'none'}"
    )


def _unclear(role: str, rows: Dataset, option: str) -> BenchmarkError:
    columns = ", ".join(rows.column_names)
    return BenchmarkError(f"the columns do not tell which is the {role}: {columns}; name it with {option}")
