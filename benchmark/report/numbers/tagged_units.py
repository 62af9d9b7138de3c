"""Counts of tagged units, by sentence, from stored predictions.

Units are entities or runs of equal tags. Their F1 is the metric of `benchmark.tasks.metrics.tags`: a unit is right if its type, start and end agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmark.config.schema import TaskConfig

NONE = -1  # type of a word in no unit


def counts(
    stored: Mapping[str, np.ndarray], set_name: str, task: TaskConfig, evaluation: int
) -> np.ndarray | None:
    """Right, predicted and true units (sentences, 3) of an evaluation set.

    ``evaluation`` is the number of a stored one. None for a task without such units, or unless all
    predictions and true tags are there and are of its labels.
    """
    kind = next((metric for metric in task.metrics if metric in ("ner", "pos")), None)
    arrays = [stored.get(f"{part}/{set_name}") for part in ("predictions", "targets", "lengths")]
    if kind is None or any(array is None for array in arrays):
        return None
    predicted, truth, lengths = (np.asarray(array) for array in arrays)
    if len(predicted) < -evaluation or not len(truth):
        return None
    if not all(0 <= tags.min() <= tags.max() < len(task.labels) for tags in (predicted, truth)):
        return None
    of_words = np.repeat(np.arange(len(lengths)), lengths)
    types, begins = meanings(task.labels, kind)
    ours, theirs = (
        units(types[tags], begins[tags], of_words)
        for tags in (predicted[evaluation].astype(int), truth.astype(int))
    )
    right = (ours == theirs).all(1) & (ours[:, 0] >= 0)
    columns = (right, ours[:, 0] >= 0, theirs[:, 0] >= 0)
    return np.stack([np.bincount(of_words, column, len(lengths)) for column in columns], 1)


def meanings(labels: Sequence[str], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The types of tags as numbers, and which tags always begin a unit, each (labels,).

    A tag outside of units has the type NONE.
    """
    if kind == "ner":  # O, B-TYPE, I-TYPE
        names = ["" if label == "O" else label[2:] for label in labels]
        begins = [label.startswith("B-") for label in labels]
    else:
        names, begins = list(labels), [label.startswith("S") for label in labels]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(filter(None, names)))}
    return np.array([numbers.get(name, NONE) for name in names]), np.array(begins)


def units(types: np.ndarray, begins: np.ndarray, of_words: np.ndarray) -> np.ndarray:
    """The last word and the type of the unit that begins at each word.

    (words, 2), with -1 where none begins.
    ``types`` (words,) and ``begins`` (words,) are those of the words' tags, ``of_words`` (words,) their sentences.
    """
    before = np.concatenate([[NONE], np.where(np.diff(of_words) == 0, types[:-1], NONE)])
    inside = types != NONE
    starts = inside & (begins | (types != before))
    goes_on = np.concatenate([inside[1:] & ~starts[1:], [False]])
    made = np.full((len(types), 2), -1)
    made[starts, 0] = np.flatnonzero(inside & ~goes_on)
    made[starts, 1] = types[starts]
    return made
