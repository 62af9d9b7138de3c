"""The metrics of GLUE, of one number per example.

A correlation with constant predictions is undefined. It is reported as 0, the value of a model that has
learnt nothing, and the record marks the run as collapsed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.tasks.metrics.base import Metric


class Accuracy(Metric):
    """The share of examples with the right prediction.

    For Tatoeba: of queries with the right nearest neighbour.
    """

    value = "int64"

    def compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
        return {"accuracy": float(np.mean(np.asarray(predictions) == np.asarray(references)))}


class F1(Metric):
    """The F1 score of class 1; 0 if class 1 is neither predicted nor present."""

    value = "int64"

    def compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
        said, true = np.asarray(predictions) == 1, np.asarray(references) == 1
        counted = int(said.sum()) + int(true.sum())
        return {"f1": 2 * int((said & true).sum()) / counted if counted else 0.0}


class MatthewsCorrelation(Metric):
    """Matthews' correlation coefficient; 0 for constant predictions.

    For several classes it is Gorodkin's coefficient, as in scikit-learn.
    """

    value = "int64"

    def compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
        said, true = np.asarray(predictions), np.asarray(references)
        classes = np.union1d(said, true)[:, None]
        each, of_each = ((classes == labels).sum(axis=1, dtype=np.float64) for labels in (said, true))
        right, total = float((said == true).sum()), float(len(true))
        spreads = (total**2 - each @ each) * (total**2 - of_each @ of_each)
        value = (right * total - each @ of_each) / np.sqrt(spreads) if spreads else 0.0
        return {"matthews_correlation": float(value)}


class Pearson(Metric):
    """Pearson's correlation coefficient; 0 for constant predictions."""

    def compute(self, predictions: Sequence[float], references: Sequence[float]) -> dict[str, float]:
        return {"pearson": correlation("pearsonr", predictions, references)}


class Spearman(Metric):
    """Spearman's rank correlation coefficient; 0 for constant predictions."""

    def compute(self, predictions: Sequence[float], references: Sequence[float]) -> dict[str, float]:
        return {"spearman": correlation("spearmanr", predictions, references)}


def correlation(name: str, predictions: Sequence[float], references: Sequence[float]) -> float:
    """The correlation that `scipy.stats` calls ``name``; 0 if either side is constant."""
    from scipy import stats  # takes half as long to import as torch, and few tasks need it

    said, true = (np.asarray(values, dtype=np.float64) for values in (predictions, references))
    return float(getattr(stats, name)(said, true)[0]) if np.ptp(said) > 0 and np.ptp(true) > 0 else 0.0
