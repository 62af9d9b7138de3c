"""Statements of a record that must agree with each other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from benchmark.records.record import FINISHED, Record


def contradiction(record: Record) -> str | None:
    """The first contradiction between two statements of a record, in words; None if they agree."""
    steps = [entry.step for entry in record.curve]
    if any(later <= earlier for earlier, later in pairwise(steps)):
        return f"the steps of its curve do not increase ({', '.join(map(str, steps[:20]))})"
    if (why := _of_its_end(record)) is not None:
        return why
    known = {*record.examples, *(name.rpartition("/")[0] for name in record.examples)}  # means over languages
    for entry in record.curve:
        if (stranger := _stranger([*entry.scores, *entry.losses], known)) is not None:
            return f"its curve has the evaluation set {stranger[:100]!r}, and its examples do not"
    if (stranger := _stranger(record.collapsed, known)) is not None:
        return f"'collapsed' has {stranger[:100]!r}, which is not an evaluation set"
    return None


def _of_its_end(record: Record) -> str | None:
    if record.status == FINISHED:
        if record.diverged_at is not None:
            return f"it finished, and diverged at update {record.diverged_at}"
        if not record.curve:
            return "it finished, and its curve is empty"
        if record.scores != record.curve[-1].scores:
            return "its scores are not those of its curve's last evaluation"
        return None
    if record.diverged_at is None:
        return "it diverged, and 'diverged_at' does not say when"
    if record.scores:
        return "it diverged, and has scores"
    if record.curve and record.curve[-1].step > record.diverged_at:
        return f"it diverged at update {record.diverged_at}, and was evaluated later"
    return None


def _stranger(names: Iterable[str], known: set[str]) -> str | None:
    return next((name for name in names if name not in known), None)
