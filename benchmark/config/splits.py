"""Which splits a task reads: its training splits in a setting, and its evaluation sets, one per language."""

from __future__ import annotations

from dataclasses import replace

from benchmark.config.schema import ZERO_SHOT, SplitConfig, TaskConfig
from benchmark.errors import BenchmarkError, unknown


def training_splits(task: TaskConfig) -> list[SplitConfig]:
    """The training splits of ``task.setting``, those of several languages spelt out.

    Raises: BenchmarkError for a setting that the task does not have.
    """
    found = []
    for split in splits_of_setting(task):
        found += [of_language(split, language) for language in split.languages] or [split]
    return found


def evaluation_splits(task: TaskConfig) -> dict[str, SplitConfig]:
    """The evaluation sets by name, ``SET/LANGUAGE`` where a set has languages; only those of ``task.languages``.

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
    """``split`` with ``{lang}`` and ``{name}`` filled in, the latter what the data set calls the language."""
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
    """The training splits of ``task.setting`` as they are declared, those of several languages as one.

    Raises: BenchmarkError for a setting that the task does not have.
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
