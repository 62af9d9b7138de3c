"""Base class of the metrics: `evaluate.Metric` without network and files."""

from __future__ import annotations

import tempfile
from typing import Any

import datasets
import evaluate


class OfflineMetric(evaluate.Metric):
    """A metric of one prediction and one reference per row, each of the type ``feature``.

    Modules return fractions. ``config_name`` is the language, for the metrics that depend on it.
    """

    feature: Any = datasets.Value("float64")
    row = "one number per example"

    def __init__(self, **kwargs: Any) -> None:
        # Nothing is kept on disk, but evaluate makes a folder in any case: keep it out of the user's hub cache.
        with tempfile.TemporaryDirectory(prefix="benchmark-metrics-") as scratch:
            super().__init__(keep_in_memory=True, cache_dir=scratch, **kwargs)

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=str(self.__doc__),
            citation="",
            inputs_description=f"predictions and references: {self.row}",
            features=datasets.Features({"predictions": self.feature, "references": self.feature}),
        )
