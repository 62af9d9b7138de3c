"""Refusals of constant targets: nothing can be learnt from them, and correlations are undefined."""

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


def check_scored(rows: Rows, column: str, targets: np.ndarray, metrics: Sequence[str]) -> None:
    """Refuse correlations of an evaluation set whose known ``targets`` (rows,) are all the same.

    Raises: BenchmarkError naming the metric.
    """
    undefined = [name for name in metrics if name in CORRELATIONS]
    if undefined and len(targets) and (targets == targets[0]).all():
        raise BenchmarkError(
            f"task {rows.task!r}: {rows.place}, column {column!r}: {undefined[0]} is not defined, because all known "
            "targets are the same"
        )
