"""Evaluation sets of several languages that are translations of each other.

Sets of tags, of retrieval and of mining have sentences of their own in each language. All others are taken for
translations of one set (TyDiQA's are none): a model that fails an example in one language rather fails it in
the others, too, so that the languages' errors over examples cannot be taken for independent.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmark.config.schema import RunConfig
from benchmark.config.splits import language_groups
from benchmark.report.numbers import scored_units

OWN_SENTENCES = ("tagging", "retrieval", "mining")  # kinds
# Task, and the set whose examples they are; then the language's own set, if they cannot be matched
Examples = tuple[str, ...]


def parts(set_name: str, config: RunConfig, stored: Mapping[str, np.ndarray]) -> dict[str, Examples]:
    """The sets behind ``set_name``, one or one a language, by name, each with its examples.

    Two translations have the same examples if ``stored`` has the same labels for both, in the same order.
    """
    task, groups = config.task, language_groups(config.task)
    names = [name for name, group in groups.items() if group == set_name] or [set_name]
    group = groups.get(names[0])
    if group is None or scored_units.kind_of(group, config) in OWN_SENTENCES:
        return {name: (task.name, name) for name in names}
    if _same_labels([stored.get(f"targets/{name}") for name in groups if groups[name] == group]):
        return dict.fromkeys(names, (task.name, group))
    return {name: (task.name, group, name) for name in names}


def _same_labels(targets: list[np.ndarray | None]) -> bool:
    first = targets[0]
    return first is not None and all(
        other is not None and np.array_equal(other, first, equal_nan=True) for other in targets
    )
