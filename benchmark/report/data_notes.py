"""Notes on the data behind a table's columns: who made translations, and remarks of tasks."""

from __future__ import annotations

from collections.abc import Mapping

from benchmark.config.schema import ZERO_SHOT, TaskConfig
from benchmark.grids.grid import Grid
from benchmark.report.numbers.frame import columns_of

PUBLISHED = "XTREME"


def data_notes(grid: Grid, labels: Mapping[str, str]) -> list[str]:
    """One sentence per note, with the columns that it is about."""
    about: dict[str, dict[str, None]] = {}  # by note: its columns, in the table's order
    for run in grid.runs:
        names = [labels.get(name) or name for name, _, _ in columns_of(grid, run.config)]
        for note in _of_task(run.config.task):
            about.setdefault(note, {}).update(dict.fromkeys(names))
    return [f"{', '.join(names)}: {note}." for note, names in about.items() if names]


def _of_task(task: TaskConfig) -> list[str]:
    notes = [task.remark] if task.remark else []
    sets = task.settings.get(task.setting) if task.setting != ZERO_SHOT else None
    if sets is not None:
        by = PUBLISHED if task.translations and sets.published else sets.translated_by
        notes += [f"the training sets of {task.setting} are translated by {by}"] if by else []
    return notes
