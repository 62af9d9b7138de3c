"""Comparison of a record's scores with the outputs stored beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmark.config.schema import RunConfig
from benchmark.config.stored import typed_again
from benchmark.records.record import Record
from benchmark.report.numbers import predictions

NEAR = 1e-6  # tolerance of a score, as a fraction


def unlike(record: Record, stored: Mapping[str, np.ndarray]) -> str | None:
    """The first score that differs from that of the last stored outputs, in words; None if all agree.

    Scores of other kinds of task, and metrics that are computed in another way, are not checked.
    """
    try:
        config = typed_again(record.config)
    except (KeyError, TypeError, AttributeError):
        return None
    for set_name, scores in record.scores.items():
        of_set = predictions.of_set(stored, set_name, config)
        if of_set is None:
            continue
        logits, targets = of_set
        gold = predictions.has_gold(targets)
        predicted = predictions.from_logits(logits[-1], config, set_name)[gold]
        for metric, said in scores.items():
            if not _alike(metric, config):
                continue
            value = predictions.value(metric, predicted, targets[gold])
            if abs(value - said) > NEAR:
                return f"its outputs give {metric} {value:.6g} on {set_name}, and it says {said:.6g}"
    return None


def _alike(metric: str, config: RunConfig) -> bool:
    """True if a score is computed here as it was in the run."""
    two_classes = metric in ("f1", "matthews_correlation")
    return predictions.known(metric) and (not two_classes or len(config.task.labels) == 2)
