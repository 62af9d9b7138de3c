"""All planned runs, also those that failed: rates of failure, and scores with failures at the floor.

Means over the runs that finished reward a method for diverging where it would have scored low. Beside them
stands the analysis of all planned seeds (intention to treat): a run that diverged or failed has the score of a
model that has learnt nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
from scipy import stats

NO_ASSOCIATION = ("matthews_correlation", "pearson", "spearman")  # 0 for every constant answer


def floor(metric: str, classes: np.ndarray) -> float:
    """The score, as a fraction, of one answer to everything: the most frequent class.

    ``classes`` (classes,) counts the examples of an evaluation set by class; the F1 of two classes is of the
    last one. Empty for sets without classes, where a model that has learnt nothing scores 0.
    """
    if metric in NO_ASSOCIATION or not classes.sum():
        return 0.0
    share = float(classes.max() / classes.sum())
    if metric == "accuracy":
        return share
    if metric == "f1" and len(classes) == 2:
        return 2 * share / (1 + share) if classes[1] >= classes[0] else 0.0
    return 0.0


def with_failures(scores: dict[int, float], failed: Collection[int], floor: float) -> dict[int, float]:
    """``scores`` by seed, with ``floor`` for the seeds that ``failed``."""
    return dict(sorted((dict.fromkeys(failed, floor) | scores).items()))


def paired_rates(
    ours: Collection[int], others: Collection[int], seeds: Iterable[int]
) -> tuple[float, int, float]:
    """Difference of two failure rates over ``seeds``: (difference, seeds, p) by McNemar's exact test.

    ``ours`` and ``others`` are the seeds whose runs failed. Only seeds where one side alone failed tell the
    sides apart. NaN without seeds.
    """
    planned = set(seeds)
    mine, theirs = planned & set(ours), planned & set(others)
    if not planned:
        return np.nan, 0, np.nan
    alone, apart = len(mine - theirs), len(mine ^ theirs)
    p = float(stats.binomtest(alone, apart).pvalue) if apart else 1.0
    return (len(mine) - len(theirs)) / len(planned), len(planned), p
