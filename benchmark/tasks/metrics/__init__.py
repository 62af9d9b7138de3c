"""The metrics of GLUE and XTREME; `as_module` makes an `evaluate.Metric` of one, which needs no network.

Each takes ``predictions`` and ``references``, whose rows its module explains, and returns fractions (0-1, or -1
to 1 for the correlations).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmark.errors import BenchmarkError, unknown
from benchmark.tasks.metrics.base import Metric, as_module
from benchmark.tasks.metrics.glue import F1, Accuracy, MatthewsCorrelation, Pearson, Spearman
from benchmark.tasks.metrics.pairs import PairF1
from benchmark.tasks.metrics.spans import MlqaF1, SquadF1, Texts, means
from benchmark.tasks.metrics.tags import EntityF1, TagAccuracy, TagRunF1, TagRunF1Seqeval1

__all__ = ["METRICS", "as_module", "check", "marks", "means", "score"]

METRICS: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "f1": F1,
    "matthews_correlation": MatthewsCorrelation,
    "pearson": Pearson,
    "spearman": Spearman,
    "ner": EntityF1,
    "pos": TagRunF1,
    "pos_seqeval_1": TagRunF1Seqeval1,
    "tag_accuracy": TagAccuracy,
    "squad": SquadF1,
    "mlqa": MlqaF1,
    "bucc": PairF1,
}


def check(names: Sequence[str], language: str | None, evaluated: str) -> None:
    """Check that the named metrics can score the evaluation set ``evaluated``.

    Raises: BenchmarkError for an unknown metric, or a language that a metric does not know.
    """
    for name in names:
        if name not in METRICS:
            raise unknown("metric", name, METRICS, f"the metrics of {evaluated!r}")
        try:
            METRICS[name](language)
        except BenchmarkError as error:
            raise BenchmarkError(f"evaluation set {evaluated!r}, metric {name!r}: {error}") from None


def score(
    names: Sequence[str], predictions: Any, references: Any, language: str | None = None
) -> dict[str, float]:
    """Compute the named metrics of ``predictions`` against ``references``, row by row.

    ``language`` (ISO code) is for the metrics that depend on it.

    Raises: BenchmarkError for an unknown metric, or a language that a metric does not know.
    """
    results: dict[str, float] = {}
    for name in names:
        if name not in METRICS:
            raise unknown("metric", name, METRICS, "task.metrics")
        results |= METRICS[name](language).compute(predictions, references)
    return results


def marks(
    names: Sequence[str], predictions: Texts, references: Texts, language: str | None = None
) -> np.ndarray:
    """Exact match and F1 (questions, 2) of answers, by the last of the named metrics.

    Their `means` are its values.
    """
    metric = METRICS[names[-1]](language)
    assert isinstance(metric, SquadF1)  # no other is accepted for answers
    return metric.marks(predictions, references)
