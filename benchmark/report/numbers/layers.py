"""Scores of sentence retrieval at a layer that the report chooses.

The run scored several layers, and a metric of a report may end with a rule that chooses one. With
``accuracy@others``, a language's layer is the best on the mean of the set's other languages. With ``f1@dev``,
it is the best on the language's development set, which only mining has. Neither rule looks at the reported
score; ``task.retrieval.rule=best_on_test`` does, because it takes the best layer on the test set itself.
"""

from __future__ import annotations

from statistics import fmean

from benchmark.config.scores import DEV
from benchmark.errors import BenchmarkError
from benchmark.records.record import Scores

Layers = dict[int, float]  # scores by layer


def score(by_set: Scores, set_name: str, metric: str) -> float:
    """The score of an evaluation set by the rule that ``metric`` ends with.

    With languages it is their mean.
    Raises: BenchmarkError if the run did not score what the rule needs.
    """
    languages = [name for name in by_set if name.startswith(f"{set_name}/")]
    if languages:
        return fmean(score(by_set, name, metric) for name in languages)
    name, _, rule = metric.partition("@")
    if rule == DEV:
        deciding = by_layer(by_set, set_name, DEV)
    else:
        group = set_name.rpartition("/")[0]
        others = [other for other in by_set if other.startswith(f"{group}/") and other != set_name]
        every = [by_layer(by_set, other, name) for other in others]
        deciding = {layer: fmean(scores[layer] for scores in every) for layer in (every[0] if every else ())}
    if not deciding:
        raise BenchmarkError(f"{set_name}/{metric}: there is nothing to choose a layer by")
    best = min(deciding, key=lambda layer: (-deciding[layer], layer))
    return by_layer(by_set, set_name, name)[best]


def by_layer(by_set: Scores, set_name: str, metric: str) -> Layers:
    """The scores of a set by layer. Raises: BenchmarkError if the run scored one layer alone."""
    of_set = by_set.get(set_name, {})
    scores = {
        int(key.partition("@")[2]): value for key, value in of_set.items() if key.startswith(f"{metric}@")
    }
    if not scores:
        raise BenchmarkError(
            f"{set_name}: the run has no {metric} by layer; task.retrieval.rule=best_on_test scores all layers"
        )
    return scores
