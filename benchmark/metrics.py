"""The metrics of GLUE as `evaluate.Metric` modules that need no network.

Each takes ``predictions`` and ``references`` (one number per example) and returns a fraction (0-1, or
-1 to 1 for the correlations). A correlation with constant predictions is undefined; it is reported as
0, the value of a model that has learnt nothing, and the record marks the run as collapsed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np
from scipy import stats
from sklearn import metrics as sklearn_metrics

from benchmark.errors import unknown


class _PerExample(evaluate.Metric):
    """A metric of one prediction and one reference per example."""

    value_type = "float64"

    def __init__(self, **kwargs: Any) -> None:
        # Nothing is kept on disk, but evaluate makes a folder all the same: not in the user's hub cache.
        with tempfile.TemporaryDirectory() as folder:
            super().__init__(keep_in_memory=True, cache_dir=folder, **kwargs)

    def _info(self) -> evaluate.MetricInfo:
        value = datasets.Value(self.value_type)
        return evaluate.MetricInfo(
            description=str(self.__doc__),
            citation="",
            inputs_description="predictions and references: one number per example",
            features=datasets.Features({"predictions": value, "references": value}),
        )


class Accuracy(_PerExample):
    """The share of examples predicted right."""

    value_type = "int64"

    def _compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
        return {"accuracy": float(sklearn_metrics.accuracy_score(references, predictions))}


class F1(_PerExample):
    """The F1 score of class 1; 0 where class 1 is neither predicted nor present."""

    value_type = "int64"

    def _compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
        return {"f1": float(sklearn_metrics.f1_score(references, predictions, zero_division=0.0))}


class MatthewsCorrelation(_PerExample):
    """Matthews' correlation coefficient; 0 for constant predictions."""

    value_type = "int64"

    def _compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
        return {"matthews_correlation": float(sklearn_metrics.matthews_corrcoef(references, predictions))}


class Pearson(_PerExample):
    """Pearson's correlation coefficient; 0 for constant predictions."""

    def _compute(self, predictions: Sequence[float], references: Sequence[float]) -> dict[str, float]:
        defined = np.ptp(predictions) > 0 and np.ptp(references) > 0
        return {"pearson": float(stats.pearsonr(predictions, references)[0]) if defined else 0.0}


class Spearman(_PerExample):
    """Spearman's rank correlation coefficient; 0 for constant predictions."""

    def _compute(self, predictions: Sequence[float], references: Sequence[float]) -> dict[str, float]:
        defined = np.ptp(predictions) > 0 and np.ptp(references) > 0
        return {"spearman": float(stats.spearmanr(predictions, references)[0]) if defined else 0.0}


METRICS = {
    "accuracy": Accuracy,
    "f1": F1,
    "matthews_correlation": MatthewsCorrelation,
    "pearson": Pearson,
    "spearman": Spearman,
}


def score(names: Sequence[str], predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
    """The named metrics of ``predictions`` (n,) against ``references`` (n,).

    Raises: BenchmarkError for a metric that does not exist.
    """
    results: dict[str, float] = {}
    for name in names:
        if name not in METRICS:
            raise unknown("metric", name, METRICS, "task.metrics")
        results |= METRICS[name]().compute(predictions=predictions, references=references)
    return results
