"""The metrics of GLUE, of one number per example.

A correlation with constant predictions is undefined. It is reported as 0, the value of a model that has
learnt nothing, and the record marks the run as collapsed.
"""

from __future__ import annotations

from collections.abc import Sequence

import datasets
import numpy as np
from scipy import stats
from sklearn import metrics as sklearn_metrics

from benchmark.tasks.metrics.base import OfflineMetric


class Accuracy(OfflineMetric):
    """The share of examples with the right prediction.

    For Tatoeba: of queries with the right nearest neighbour.
    """

    feature = datasets.Value("int64")

    def _compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
        return {"accuracy": float(sklearn_metrics.accuracy_score(references, predictions))}


class F1(OfflineMetric):
    """The F1 score of class 1; 0 if class 1 is neither predicted nor present."""

    feature = datasets.Value("int64")

    def _compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
        return {"f1": float(sklearn_metrics.f1_score(references, predictions, zero_division=0.0))}


class MatthewsCorrelation(OfflineMetric):
    """Matthews' correlation coefficient; 0 for constant predictions."""

    feature = datasets.Value("int64")

    def _compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
        return {"matthews_correlation": float(sklearn_metrics.matthews_corrcoef(references, predictions))}


class Pearson(OfflineMetric):
    """Pearson's correlation coefficient; 0 for constant predictions."""

    def _compute(self, predictions: Sequence[float], references: Sequence[float]) -> dict[str, float]:
        defined = np.ptp(predictions) > 0 and np.ptp(references) > 0
        return {"pearson": float(stats.pearsonr(predictions, references)[0]) if defined else 0.0}


class Spearman(OfflineMetric):
    """Spearman's rank correlation coefficient; 0 for constant predictions."""

    def _compute(self, predictions: Sequence[float], references: Sequence[float]) -> dict[str, float]:
        defined = np.ptp(predictions) > 0 and np.ptp(references) > 0
        return {"spearman": float(stats.spearmanr(predictions, references)[0]) if defined else 0.0}
