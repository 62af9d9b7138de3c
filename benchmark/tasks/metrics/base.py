"""Base class of the metrics, and their form as an `evaluate.Metric`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # importing it takes longer than a whole run of the embedded encoder
    import evaluate


class Metric:
    """A metric of one prediction and one reference per row.

    Metrics return fractions. ``language`` (ISO code) is for those that depend on it.
    """

    value = "float64"  # what rows hold, as Arrow names types
    depth = 0  # nesting of a row: 1 is a list of values, 2 a list of such lists
    row = "one number per example"

    def __init__(self, language: str | None = None) -> None:
        self.language = language

    def compute(self, predictions: Any, references: Any) -> dict[str, float]:
        """The values by name, of ``predictions`` against ``references``, row by row."""
        raise NotImplementedError


def as_module(metric: Metric) -> evaluate.Metric:
    """The same metric as a module of `evaluate`, without network.

    Such modules add up batches, and can be combined.
    """
    import tempfile

    import datasets
    import evaluate

    class Module(evaluate.Metric):
        def _info(self) -> evaluate.MetricInfo:
            feature: Any = datasets.Value(metric.value)
            for _ in range(metric.depth):
                feature = datasets.Sequence(feature)
            return evaluate.MetricInfo(
                description=str(metric.__doc__),
                citation="",
                inputs_description=f"predictions and references: {metric.row}",
                features=datasets.Features({"predictions": feature, "references": feature}),
            )

        def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
            return metric.compute(predictions, references)

    # Nothing is kept on disk, but evaluate makes a folder anyway: keep it out of the user's hub cache.
    with tempfile.TemporaryDirectory(prefix="benchmark-metrics-") as scratch:
        return Module(keep_in_memory=True, cache_dir=scratch, config_name=metric.language)
