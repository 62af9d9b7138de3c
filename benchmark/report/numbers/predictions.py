"""Scores from stored predictions, with their sampling error over examples.

A metric is a function of means over examples. Its sampling error follows from the influence of each example
(the delta method, or infinitesimal jackknife). For accuracy this is the textbook error of a share. For the
difference of two models on the same examples it is McNemar's: only disagreements count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import special, stats

from benchmark.config.schema import RunConfig

Arrays = Callable[[str], Mapping[str, np.ndarray]]  # the stored logits and targets of a run, by its id
EPSILON = 1e-6  # step of numeric derivatives, and the scale below which a spread counts as 0


def from_logits(logits: np.ndarray, config: RunConfig, evaluated: str) -> np.ndarray:
    """Predicted classes or values (…, examples) of ``logits`` (…, examples, outputs).

    The task's entry for the evaluation set ``evaluated`` may count one predicted class as another one.
    """
    task = config.task
    labels = task.labels
    if not labels:
        return np.asarray(logits[..., 0], np.float64)
    name = evaluated if evaluated in task.evaluate else evaluated.rpartition("/")[0]  # SET/LANGUAGE
    fold = task.evaluate.get(name, task.train).fold
    counts_as = np.array([labels.index(fold.get(label, label)) for label in labels])
    return np.asarray(counts_as[logits.argmax(-1)], np.float64)


def has_gold(targets: np.ndarray) -> np.ndarray:
    """True for the ``targets`` (examples,) that are known: only these are scored."""
    return np.isfinite(targets) if targets.dtype.kind == "f" else np.asarray(targets >= 0)


def of_set(
    stored: Mapping[str, np.ndarray], set_name: str, config: RunConfig
) -> tuple[np.ndarray, np.ndarray] | None:
    """Logits and targets of an evaluation set; None without both, or for other classes than the task's."""
    logits, targets = (stored.get(f"{kind}/{set_name}") for kind in ("logits", "targets"))
    if logits is None or targets is None or logits.shape[-1] != max(len(config.task.labels), 1):
        return None
    return logits, targets


def known(metric: str) -> bool:
    """True if scores of ``metric`` can be computed from stored predictions."""
    return metric in TERMS


def value(metric: str, predicted: np.ndarray, targets: np.ndarray) -> float:
    """Score of ``predicted`` (examples,) against ``targets``, as a fraction.

    0 if the metric is not defined there.
    """
    terms, score = TERMS[metric]
    return score(terms(predicted, targets).mean(0))


def influences(metric: str, predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each example's contribution to the score (examples,), in fractions; their mean is 0.

    The sum of squares, divided by the square of their number, is the variance of the score over evaluation
    sets. Spearman's ranks are taken as fixed.
    """
    terms, score = TERMS[metric]
    return of_terms(terms(predicted, targets), score)


def of_terms(rows: np.ndarray, score: Callable[[np.ndarray], float]) -> np.ndarray:
    """Contributions (examples,) to the ``score`` of the mean of ``rows`` (examples, terms); see `influences`."""
    centre = rows.mean(0)
    steps = EPSILON * np.eye(rows.shape[1])
    slope = np.array([(score(centre + step) - score(centre - step)) / (2 * EPSILON) for step in steps])
    return np.asarray((rows - centre) @ slope, np.float64)


def _agreement(predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return (predicted == targets).astype(float)[:, None]


def _counts(predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    yes, right = predicted == 1, targets == 1
    return np.stack([yes & right, yes, right], 1).astype(float)


def _moments(predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    x, y = (_standard(np.asarray(values, np.float64)) for values in (predicted, targets))
    return np.stack([x, y, x * x, y * y, x * y], 1)


def _rank_moments(predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return _moments(stats.rankdata(predicted), stats.rankdata(targets))


def _standard(values: np.ndarray) -> np.ndarray:
    spread = values.std() if np.ptp(values) > 0 else 0.0
    return (values - values.mean()) / spread if spread else np.zeros_like(values)


def share(means: np.ndarray) -> float:
    return float(means[0])


def f1(means: np.ndarray) -> float:
    both, yes, right = means
    return float(2 * both / (yes + right)) if yes + right > 0 else 0.0


def _matthews(means: np.ndarray) -> float:
    both, yes, right = means
    spread = yes * (1 - yes) * right * (1 - right)
    return float((both - yes * right) / np.sqrt(spread)) if spread > EPSILON**2 else 0.0


def _correlation(means: np.ndarray) -> float:
    x, y, xx, yy, xy = means
    spread = (xx - x * x) * (yy - y * y)
    return float((xy - x * y) / np.sqrt(spread)) if spread > EPSILON else 0.0


#: By metric: terms per example (examples, terms), and the score from their means (terms,).
TERMS: dict[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], Callable[[np.ndarray], float]]] = {
    "accuracy": (_agreement, share),
    "f1": (_counts, f1),
    "matthews_correlation": (_counts, _matthews),  # for two classes, as in CoLA
    "pearson": (_moments, _correlation),
    "spearman": (_rank_moments, _correlation),
}


def loss(logits: np.ndarray, targets: np.ndarray, config: RunConfig) -> np.ndarray:
    """Mean fine-tuning loss (evaluations,) of ``logits`` (evaluations, examples, outputs).

    It is over the examples with a known target.
    """
    gold = has_gold(targets)
    logits, targets = logits[:, gold], targets[gold]
    if not config.task.labels:
        return np.asarray(((logits[..., 0].astype(np.float64) - targets) ** 2).mean(-1))
    scores = logits.astype(np.float64)
    scores = scores - special.logsumexp(scores, axis=-1, keepdims=True)
    right = np.take_along_axis(scores, targets[None, :, None].astype(int), -1)
    return np.asarray(-right[..., 0].mean(-1))
