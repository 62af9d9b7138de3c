"""The files of a task's splits, whose digests a record has. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import digests
from benchmark.config.schema import SplitConfig, TaskConfig, as_json
from benchmark.config.splits import evaluation_splits, training_splits
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmark.data.files import Source


def digests_file(task: TaskConfig, cache: Path) -> Path:
    """The place of a task's digests; see `benchmark.digests`."""
    return digests.cache_file(cache, ["task", as_json(task)])


def files(task: TaskConfig, names: Collection[str]) -> dict[str, list[Path]]:
    """The files of splits by their names in a record; files that are not on this machine are left out."""
    from benchmark.data.files import find, sentences_of  # imports datasets, which is slow

    present = {}
    for split in [*training_splits(task), *evaluation_splits(task).values()]:
        source = _source(task, split)
        if source is None:
            continue
        for part in dict.fromkeys((split.split, split.dev)):
            for config in dict.fromkeys((split.config, sentences_of(source, split))):
                if part is None or config is None:
                    continue
                try:
                    file = find(task, source, replace(split, split=part), config)
                except (BenchmarkError, OSError):
                    continue
                if file.name in names:
                    present[file.name] = file.paths
    return present


def _source(task: TaskConfig, split: SplitConfig) -> Source | None:
    """The data set of a split on this machine; None if it is not here, or if a builder makes it."""
    from benchmark.data import hub, local
    from benchmark.data.files import Source, of_folder, origin

    repo, revision = origin(task, split)
    if repo is None:
        return None
    try:
        if (own := of_folder(task, repo, revision)) is not None:
            return own
        folder = hub.cached(repo, revision)
        return None if folder is None else Source(repo, folder, folder.name, local.list_data(folder))
    except (BenchmarkError, OSError):
        return None
