"""XTREME's averages: over languages, over tasks, and the two ways from there to one number.

XTREME's evaluator takes the mean of its nine tasks, NoisyTune's Table 3 the mean of its four groups. An
average over tasks is given only where all of them are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

PerLanguage = Mapping[str, Mapping[str, float]]

GROUPS = {
    "classification": ("pawsx", "xnli"),
    "tagging": ("panx", "udpos"),
    "retrieval": ("bucc2018", "tatoeba"),
    "qa": ("xquad", "mlqa", "tydiqa"),
}
# The values whose mean is a task's score.
SCORED_BY = {
    "pawsx": ("accuracy",),
    "xnli": ("accuracy",),
    "panx": ("f1",),
    "udpos": ("f1",),
    "bucc2018": ("f1",),
    "tatoeba": ("accuracy",),
    "xquad": ("f1", "exact_match"),
    "mlqa": ("f1", "exact_match"),
    "tydiqa": ("f1", "exact_match"),
}


def over_languages(scores: PerLanguage) -> dict[str, float]:
    """Each of a task's values, given by language, as the plain mean over its languages."""
    return {name: fmean(by_language.values()) for name, by_language in scores.items()}


def task_score(task: str, values: Mapping[str, float]) -> float:
    """The one number of a task: its value, or the mean of F1 and exact match for question answering."""
    return fmean(values[name] for name in SCORED_BY[task])


def group_scores(tasks: Mapping[str, float]) -> dict[str, float]:
    """The mean task score of every group whose tasks are all in ``tasks``."""
    return {
        group: fmean(tasks[task] for task in members)
        for group, members in GROUPS.items()
        if all(task in tasks for task in members)
    }


def mean_of_tasks(tasks: Mapping[str, float]) -> float | None:
    """XTREME's own average: the mean of the nine task scores, or None if one is missing."""
    return fmean(tasks[task] for task in SCORED_BY) if all(task in tasks for task in SCORED_BY) else None


def mean_of_groups(tasks: Mapping[str, float]) -> float | None:
    """The average of NoisyTune's Table 3: the mean of the four groups, or None if one is incomplete."""
    groups = group_scores(tasks)
    return fmean(groups.values()) if len(groups) == len(GROUPS) else None
