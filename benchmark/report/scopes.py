"""The two scopes of a verdict: this evaluation set, and sentences like those in it.

Tests over seeds alone speak of this evaluation set. But an evaluation set is a sample: for sentences like
these, the sampling variance over examples is added to the variance over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from benchmark.report.paired_tests import Comparison
from benchmark.report.words import NOT_MEASURED, PREDICTIONS_MISSING, SEEDS_ALONE


def satterthwaite(variances: Sequence[float], degrees: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent ``variances`` (m,).

    Each variance has its own ``degrees`` (m,)."""
    parts = np.asarray(variances, float) ** 2 / np.asarray(degrees, float)
    return float(np.sum(variances) ** 2 / parts.sum()) if parts.sum() else np.inf


def for_sentences(comparison: Comparison) -> Comparison:
    """``comparison`` with p-values for sentences like these; NaN if predictions are missing.

    A larger population cannot be surer than this set, so the p-value is never below that of the seeds alone.
    If all examples gained equally, there is no variance, and their equal signs are tested.
    """
    if comparison.examples is None or np.isnan(comparison.p):
        return replace(comparison, p=np.nan, all_p=np.nan)
    of_seeds, of_examples = comparison.error**2, comparison.examples[0] ** 2
    variance = of_seeds + of_examples
    if np.isnan(variance):
        return replace(comparison, p=np.nan, all_p=np.nan)
    if of_examples == 0:
        signs = 2.0 ** -comparison.examples[1] if comparison.toward else 0.0
        return replace(
            comparison, p=max(comparison.p, signs), all_p=float(np.maximum(comparison.all_p, signs))
        )
    degrees = satterthwaite((of_seeds, of_examples), (comparison.freedom, comparison.examples[1]))
    p = float(2 * stats.t.sf(abs(comparison.toward) / np.sqrt(variance), degrees))
    return replace(
        comparison, p=max(p, comparison.p), all_p=float(np.maximum(p, comparison.all_p))
    )  # without a p-value over seeds there is none over examples


def unknown(comparisons: Sequence[Comparison]) -> str:
    """The word for a missing verdict on sentences like these; '' if there can be a verdict."""
    made = [comparison for comparison in comparisons if comparison.n > 0]
    if not made:
        return NOT_MEASURED
    examples = [comparison.examples for comparison in made]
    if None in examples:
        return SEEDS_ALONE
    return PREDICTIONS_MISSING if any(known and np.isnan(known[0]) for known in examples) else ""
