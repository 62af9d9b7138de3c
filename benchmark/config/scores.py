"""Scores of a run by the names that reports use: ``metric``, or ``set/metric``.

The metric of a set of sentence retrieval may end with a layer, or with a rule that chooses one, as in
``accuracy@8`` and ``accuracy@others``: see `benchmark/report/numbers/layers.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.config.schema import METRICS, TaskConfig
from benchmark.config.splits import evaluation_splits
from benchmark.errors import unknown

OTHERS, DEV = "others", "dev"
NUMBER = "LAYER"  # stands for the number of any layer
RULES_OF = {"retrieval": (NUMBER, OTHERS), "mining": (NUMBER, OTHERS, DEV)}  # by the kind of a set


def check_scores(named: Sequence[str], task: TaskConfig, place: str) -> None:
    """Refuse names of scores that a run of ``task`` does not have.

    Raises: BenchmarkError naming the ``place`` of the name, and the scores.
    """
    known = _by_set(task)
    first = next(iter(known))
    for score in named:
        name, _, value = score.rpartition("/")
        valid = known.get(name or first, [])
        main, _, layer = value.partition("@")
        if layer == NUMBER or (f"{main}@{NUMBER}" if layer.isdecimal() else value) not in valid:
            full = [f"{name}/{value}" for name, values in known.items() for value in values]
            raise unknown("score", score, [*dict.fromkeys(known[first]), *full], place)


def chooses(metric: str) -> bool:
    """True for a metric that ends with a rule."""
    return metric.partition("@")[2] in (OTHERS, DEV)


def has_layers(task: TaskConfig, report: Sequence[str]) -> bool:
    """True if a run has the layers that the metrics of a ``report`` choose from."""
    return _several(task) or not any(map(chooses, (name.rpartition("/")[2] for name in report)))


def _several(task: TaskConfig) -> bool:
    return task.retrieval.rule != "fixed" or bool(task.retrieval.compared)


def _by_set(task: TaskConfig) -> dict[str, list[str]]:
    """The scores of every evaluation set, and of every language of one."""
    sets = dict(task.evaluate) | evaluation_splits(task)
    known = {}
    for name, split in sets.items():
        known[name] = [value for metric in split.metrics or task.metrics for value in METRICS[metric]]
        group = name if name in task.evaluate else name.rpartition("/")[0]
        languages = sum(other.startswith(f"{group}/") for other in sets)
        for rule in RULES_OF.get(split.kind or task.kind, ()) if _several(task) else ():
            if rule != OTHERS or languages > 1:
                known[name].append(f"{known[name][0]}@{rule}")
    if task.score_training:
        known["train"] = [value for metric in task.metrics for value in METRICS[metric]]
    return known
