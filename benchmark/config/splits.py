"""The splits of a task: training splits by setting, evaluation sets by language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath

from benchmark.config.schema import METRICS, SELECTIONS, ZERO_SHOT, SplitConfig, TaskConfig
from benchmark.errors import BenchmarkError, unknown


def training_splits(task: TaskConfig) -> list[SplitConfig]:
    """The training splits of ``task.setting``, one per language.

    Raises: BenchmarkError for a setting that the task does not have or that names no split.
    """
    splits = []
    for split in splits_of_setting(task):
        splits += [of_language(split, language) for language in split.languages] or [split]
    return splits


def evaluation_splits(task: TaskConfig) -> dict[str, SplitConfig]:
    """The evaluation sets of a task by name, ``SET/LANGUAGE`` if a set has languages.

    A set with languages is limited to ``task.languages``, unless these are empty.
    Raises: BenchmarkError for a language that no set of the task has.
    """
    known = {language for split in task.evaluate.values() for language in split.languages}
    for language in task.languages:
        if language not in known:
            raise unknown("language", language, known, f"task.languages of task {task.name!r}")
    return {name: split for name, split, _ in _evaluation_sets(task)}


def language_groups(task: TaskConfig) -> dict[str, str]:
    """The set that each evaluation set of one language belongs to, by name: ``SET`` of ``SET/LANGUAGE``."""
    return {name: group for name, _, group in _evaluation_sets(task) if group is not None}


def choosing_sets(task: TaskConfig) -> list[str]:
    """The evaluation sets that can choose a checkpoint: all that are scored more than once."""
    names = {group or name for name, split, group in _evaluation_sets(task) if not split.last_only}
    return [name for name in task.evaluate if name in names]


def keeps_weights(selection: str, task: TaskConfig) -> bool:
    """True if a run keeps the weights of its best evaluation on the set ``selection``."""
    return selection not in SELECTIONS and any(split.last_only for split in task.evaluate.values())


def first_metric(task: TaskConfig, name: str) -> str:
    """The value that compares evaluations of the set ``name``: the first value of its first metric."""
    return METRICS[(task.evaluate[name].metrics or task.metrics)[0]][0]


def _evaluation_sets(task: TaskConfig) -> Iterator[tuple[str, SplitConfig, str | None]]:
    """Name, split and, for one language, whole set of every evaluation set."""
    for name, split in task.evaluate.items():
        if not split.languages:
            yield name, split, None
        for language in split.languages:
            if not task.languages or language in task.languages:
                yield f"{name}/{language}", of_language(split, language), name


def place_of(split: SplitConfig) -> str:
    """The name of a split in messages and in the counts of a record.

    It is CONFIG/SPLIT, after the repository of a split that has its own. Row patterns follow in brackets.
    """
    repo = split.repo
    if repo and repo.startswith(("/", "~")):  # a record names no folder of a machine
        repo = PurePath(repo).name
    place = "/".join(part for part in (repo, split.config, split.split) if part)
    patterns = ", ".join(f"{column}={pattern}" for column, pattern in split.rows.items())
    return f"{place} [{patterns}]" if patterns else place


def of_language(split: SplitConfig, language: str) -> SplitConfig:
    """``split`` for one language, with ``{lang}`` and ``{name}`` (from ``split.names``) filled in."""
    words = {"lang": language, "name": split.names.get(language, language)}

    def filled(text: str) -> str:
        return text.format(**words)

    return replace(
        split,
        config=filled(split.config),
        sentences=filled(split.sentences) if split.sentences else None,
        rows={column: filled(pattern) for column, pattern in split.rows.items()},
        language=language,
        languages=[],
        names={},
    )


def splits_of_setting(task: TaskConfig) -> list[SplitConfig]:
    """The training splits of ``task.setting`` as declared, languages not yet expanded.

    Raises: BenchmarkError for a setting that the task does not have or that names no split.
    """
    if task.setting == ZERO_SHOT:
        return [task.train]
    if task.setting not in task.settings:
        raise unknown(
            "setting",
            task.setting,
            [ZERO_SHOT, *task.settings],
            f"task.setting of task {task.name!r}",
        )
    sets = task.settings[task.setting]
    splits = [task.train, *sets.published] if task.translations and sets.published else sets.train
    if not splits:
        raise BenchmarkError(f"task.settings.{task.setting}.train of task {task.name!r}: names no split")
    return splits
