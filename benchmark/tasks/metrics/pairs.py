"""F1 of mined sentence pairs: the metric of BUCC 2018."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.tasks.metrics.base import Metric

Pairs = Sequence[Sequence[Sequence[str]]]


class PairF1(Metric):
    """F1, precision and recall of sets of (source id, English id).

    A row is a whole set of pairs.
    """

    value = "string"
    depth = 2
    row = "one list of pairs of ids per pair of texts"

    def compute(self, predictions: Pairs, references: Pairs) -> dict[str, float]:
        mined, gold = _numbered(predictions), _numbered(references)
        right = len(mined & gold)
        return {
            "f1": 2 * right / (len(mined) + len(gold)) if right else 0.0,
            "precision": right / len(mined) if right else 0.0,
            "recall": right / len(gold) if right else 0.0,
        }


def _numbered(rows: Pairs) -> set[tuple[int, str, str]]:
    return {(number, source, target) for number, row in enumerate(rows) for source, target in row}
