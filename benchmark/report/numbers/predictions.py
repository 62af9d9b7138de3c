"""Scores from stored predictions, and how far a score is off because the evaluation set is a sample.

A metric is a function of means over examples, so that its sampling error follows from what each example adds
(the delta method, or infinitesimal jackknife). For accuracy that is the textbook error of a share, and for the
difference of two models on the same examples McNemar's: only disagreements count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import special, stats

from benchmark.config.schema import RunConfig

Arrays = Callable[[str], Mapping[str, np.ndarray]]  # the stored logits and targets of a run, by its id
STEP = 1e-6


def answers(logits: np.ndarray, config: RunConfig, part: str) -> np.ndarray:
    """The answers (…, examples) that ``logits`` (…, examples, outputs) of the evaluation set ``part`` give."""
    task = config.task
    labels = task.labels
    if not labels:
        return np.asarray(logits[..., 0], np.float64)
    name = part if part in task.evaluate else part.rpartition("/")[0]  # SET/LANGUAGE
    fold = task.evaluate.get(name, task.train).fold
    counts_as = np.array([labels.index(fold.get(label, label)) for label in labels])
    return np.asarray(counts_as[logits.argmax(-1)], np.float64)


def known(metric: str) -> bool:
    """Whether scores of ``metric`` can be told from stored predictions."""
    return metric in PARTS


def value(metric: str, given: np.ndarray, targets: np.ndarray) -> float:
    """The score of ``given`` (examples,) against ``targets`` as a fraction; 0 where it is not defined."""
    parts, score = PARTS[metric]
    return score(parts(given, targets).mean(0))


def influences(metric: str, given: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """What each example adds to the score (examples,), in fractions; their mean is 0.

    The sum of squares, over the square of their number, is the variance of the score over evaluation sets.
    Spearman's ranks count as given.
    """
    parts, score = PARTS[metric]
    rows = parts(given, targets)
    centre = rows.mean(0)
    steps = STEP * np.eye(rows.shape[1])
    slope = np.array([(score(centre + step) - score(centre - step)) / (2 * STEP) for step in steps])
    return np.asarray((rows - centre) @ slope, np.float64)


def _agreement(given: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return (given == targets).astype(float)[:, None]


def _counts(given: np.ndarray, targets: np.ndarray) -> np.ndarray:
    yes, right = given == 1, targets == 1
    return np.stack([yes & right, yes, right], 1).astype(float)


def _moments(given: np.ndarray, targets: np.ndarray) -> np.ndarray:
    x, y = (_standard(np.asarray(one, np.float64)) for one in (given, targets))
    return np.stack([x, y, x * x, y * y, x * y], 1)


def _rank_moments(given: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return _moments(stats.rankdata(given), stats.rankdata(targets))


def _standard(values: np.ndarray) -> np.ndarray:
    spread = values.std() if np.ptp(values) > 0 else 0.0
    return (values - values.mean()) / spread if spread else np.zeros_like(values)


def _share(means: np.ndarray) -> float:
    return float(means[0])


def _f1(means: np.ndarray) -> float:
    both, yes, right = means
    return float(2 * both / (yes + right)) if yes + right > 0 else 0.0


def _matthews(means: np.ndarray) -> float:
    both, yes, right = means
    spread = yes * (1 - yes) * right * (1 - right)
    return float((both - yes * right) / np.sqrt(spread)) if spread > STEP**2 else 0.0


def _correlation(means: np.ndarray) -> float:
    x, y, xx, yy, xy = means
    spread = (xx - x * x) * (yy - y * y)
    return float((xy - x * y) / np.sqrt(spread)) if spread > STEP else 0.0


#: By metric: what an example is (examples, parts), and the score of the means of these (parts,).
PARTS: dict[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], Callable[[np.ndarray], float]]] = {
    "accuracy": (_agreement, _share),
    "f1": (_counts, _f1),
    "matthews_correlation": (_counts, _matthews),  # of two classes, as CoLA's
    "pearson": (_moments, _correlation),
    "spearman": (_rank_moments, _correlation),
}


def loss(logits: np.ndarray, targets: np.ndarray, config: RunConfig) -> np.ndarray:
    """The mean loss (evaluations,) of ``logits`` (evaluations, examples, outputs): what fine-tuning minimises."""
    if not config.task.labels:
        return np.asarray(((logits[..., 0].astype(np.float64) - targets) ** 2).mean(-1))
    scores = logits.astype(np.float64)
    scores = scores - special.logsumexp(scores, axis=-1, keepdims=True)
    right = np.take_along_axis(scores, targets[None, :, None].astype(int), -1)
    return np.asarray(-right[..., 0].mean(-1))
