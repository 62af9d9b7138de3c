"""The splits of a task: training splits by setting, evaluation sets by language."""

from __future__ import annotations

from dataclasses import replace

from benchmark.config.schema import ZERO_SHOT, SplitConfig, TaskConfig
from benchmark.errors import BenchmarkError, unknown


def training_splits(task: TaskConfig) -> list[SplitConfig]:
    """The training splits of ``task.setting``, one per language.

    Raises: BenchmarkError for a setting that the task does not have or that names no split.
    """
    found = []
    for split in splits_of_setting(task):
        found += [of_language(split, language) for language in split.languages] or [split]
    return found


def evaluation_splits(task: TaskConfig) -> dict[str, SplitConfig]:
    """The evaluation sets of a task by name, ``SET/LANGUAGE`` if a set has languages.

    A set with languages is limited to ``task.languages``, unless these are empty.
    Raises: BenchmarkError for a language that no set of the task has.
    """
    known = {language for split in task.evaluate.values() for language in split.languages}
    for language in task.languages:
        if language not in known:
            raise unknown("language", language, known, f"task.languages of task {task.name!r}")
    found = {}
    for name, split in task.evaluate.items():
        if not split.languages:
            found[name] = split
        for language in split.languages:
            if not task.languages or language in task.languages:
                found[f"{name}/{language}"] = of_language(split, language)
    return found


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
    splits = task.settings[task.setting].train
    if not splits:
        raise BenchmarkError(f"task.settings.{task.setting}.train of task {task.name!r}: names no split")
    return splits
