"""Units of an evaluation set whose mean gives its score, from stored predictions.

Units are sentences of tags, pairs of sentences in retrieval, sentences of one language in mining, questions.
The threshold of mining is taken as fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from benchmark.config.schema import RunConfig
from benchmark.report.numbers import predictions, tagged_units

Score = Callable[[np.ndarray], float]  # a score (a fraction) of the means (terms,) over units
Terms = tuple[np.ndarray, Score]  # (units, terms), and the score of their means
ANSWER_MARKS = {"exact_match": 2, "f1": 3}  # columns of a question's stored prediction
CLOSE = 1e-9


def kind_of(set_name: str, config: RunConfig) -> str:
    """The kind of an evaluation set, or of one of its languages."""
    sets = config.task.evaluate
    split = sets.get(set_name) or sets.get(set_name.rpartition("/")[0])
    return (split.kind if split is not None else None) or config.task.kind


def terms(
    stored: Mapping[str, np.ndarray],
    set_name: str,
    metric: str,
    config: RunConfig,
    score: float,
    evaluation: int,
) -> Terms | None:
    """The terms of every unit of a set that is no classification; None if they are unknown.

    ``score`` is the run's, of the stored ``evaluation``: it tells which of several layers was chosen.
    """
    stored_set = stored.get(f"predictions/{set_name}")
    kind = kind_of(set_name, config)
    if stored_set is None or len(stored_set) < -evaluation:
        return None
    predicted = np.asarray(stored_set[evaluation])
    if kind == "tagging" and metric == "f1":
        rows = tagged_units.counts(stored, set_name, config.task, evaluation)
        return None if rows is None else (rows, predictions.f1)
    if kind == "retrieval" and metric == "accuracy":
        return _chosen([_hits(layer) for layer in predicted], predictions.share, score)
    targets = stored.get(f"targets/{set_name}")
    if kind == "mining" and metric == "f1" and targets is not None:
        return _chosen([_pairs(layer[1:], targets) for layer in predicted], predictions.f1, score)
    if kind == "answers" and metric in ANSWER_MARKS and predicted.shape[1:] == (4,):
        marks = predicted[:, ANSWER_MARKS[metric], None]
        return marks[np.isfinite(marks[:, 0])], predictions.share
    return None


def _hits(nearest: np.ndarray) -> np.ndarray:
    """1 for a sentence (sentences, 1) whose nearest one is its translation."""
    return (nearest == np.arange(len(nearest)))[:, None].astype(float)


def _pairs(mined: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Right, mined and true pairs (sentences, 3); -1 stands for none."""
    return np.stack([(mined == targets) & (mined >= 0), mined >= 0, targets >= 0], 1).astype(float)


def _chosen(layers: list[np.ndarray], score_of: Score, score: float) -> Terms | None:
    """The terms of the first layer with the run's ``score``."""
    for rows in layers:
        if len(rows) and abs(score_of(rows.mean(0)) - score) < CLOSE:
            return rows, score_of
    return None
