"""Refusals of targets that teach nothing, or on which a metric is not defined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmark.config.schema import TaskConfig
from benchmark.data.rows import Rows
from benchmark.errors import BenchmarkError
from benchmark.tasks.columns import IGNORED_TAGS
from benchmark.tasks.word_pieces import IGNORED

CORRELATIONS = ("pearson", "spearman", "matthews_correlation")
OF_ENTITIES = ("ner", "pos_seqeval_1")  # both read O as no unit


def check_learnt(task: TaskConfig, place: str, targets: Any) -> None:
    """Refuse training examples with one target: classes or values (examples,), or classes of words per example.

    Raises: BenchmarkError naming the target.
    """
    if task.kind == "answers":  # an answer's place in its context is not a class
        return
    joined = targets if isinstance(targets, torch.Tensor) else torch.cat(list(targets))
    different = joined[joined != IGNORED].unique() if task.labels else joined.unique()
    if len(different) == 1:
        [target] = different.tolist()
        shown = repr(task.labels[target]) if task.labels else target
        targets_are = f"all of the {len(targets)} training examples of {place} have the target"
        if task.kind == "tagging":
            targets_are = f"all tags of {place} but {', '.join(map(str, IGNORED_TAGS))} and null are"
        raise BenchmarkError(f"task {task.name!r}: {targets_are} {shown}: nothing can be learnt from them")


def check_scored(
    rows: Rows, column: str, targets: np.ndarray, labels: Sequence[str], metrics: Sequence[str]
) -> None:
    """Refuse metrics that are not defined on the known ``targets`` (items,) of an evaluation set.

    Even right predictions would score 0 there. A set without any known target has no score.
    Raises: BenchmarkError naming the metric.
    """
    known = np.unique(targets).tolist()
    for name in metrics if known else ():
        if (reason := _undefined(name, known, labels)) is not None:
            raise BenchmarkError(
                f"task {rows.task!r}: {rows.place}, column {column!r}: {name} is not defined, because {reason}; choose "
                "other metrics for this set, or leave it out"
            )


def _undefined(metric: str, known: list[Any], labels: Sequence[str]) -> str | None:
    """The reason why a metric is not defined on targets with these different values; None if it is."""
    if metric in CORRELATIONS and len(known) == 1:
        return "all known targets are the same"
    if metric == "f1" and 1 not in known:
        return f"no known target is {labels[1]!r}, whose F1 it is"
    if metric in OF_ENTITIES and {labels[number] for number in known} == {"O"}:
        return "all known tags are 'O'"
    return None
