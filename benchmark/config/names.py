"""Names and places in a configuration: they go to tables, folders and trackers as they are."""

from __future__ import annotations

import os
from pathlib import Path

from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError, in_the_way
from benchmark.places import in_home
from benchmark.printable import printable

NAMED_BY_FILE = ("method", "probe")  # groups whose files declare the name of what they describe
VARIED = ("probe",)  # of these a variant may keep the name, by which tables find its arrays
LONGEST = 200  # characters; file systems take few more


def check_names(config: RunConfig) -> None:
    """Raises: BenchmarkError for a name that is empty, too long or not printable, or a cache that is no folder.

    A label may be empty.
    """
    cache = Path(config.cache)
    there = next((place for place in (cache, *cache.parents) if os.path.exists(place)), None)
    if there is not None and not there.is_dir():
        raise BenchmarkError(f"cache={cache}: {in_the_way(str(there))}")
    for group in ("model", "task", "protocol", "data"):
        check_name(f"{group}.name", getattr(config, group).name)
    for group in ("model", "task"):
        if label := getattr(config, group).label:
            check_name(f"{group}.label", label)
    for kind, names in (
        ("task.evaluate", config.task.evaluate),
        ("method", config.method),
        ("probe", config.probe),
    ):
        for name in names:
            check_name(f"a name in {kind}", name)


def check_translations(config: RunConfig) -> None:
    """Raises: BenchmarkError for a folder of translations that is not here; a run in the store needs none."""
    folder = config.task.translations
    if folder is not None and not in_home(folder).is_dir():
        raise BenchmarkError(
            f"task.translations={folder}: no such folder (valid: one with XTREME's XNLI/, PAWSX/, SQuAD/, TyDiQA-GoldP/)"
        )


def check_name(key: str, name: str) -> None:
    """Raises: BenchmarkError for a name that is empty, too long, or cannot be printed as it is."""
    if not name.strip():
        raise BenchmarkError(f"{key}={name!r}: a name has at least one letter")
    if printable(name) != name:
        raise BenchmarkError(f"{key}={name!r}: a name has no control characters and is on one line")
    if len(name) > LONGEST:
        raise BenchmarkError(f"{key}={name}: {len(name)} characters, and a name has at most {LONGEST}")


def check_file(path: Path, group: str, declared: str) -> None:
    """Refuse a method's or probe's file with a header that ``declared`` another name.

    It is often a copy; its runs would be recorded under the other name, or as plain fine-tuning.

    Raises: BenchmarkError naming the file and its proper header.
    """
    group = group.partition("/")[0]
    own, name = f"{group}.{path.stem}", declared.removeprefix(f"{group}.")
    if group not in NAMED_BY_FILE or declared == own:
        return
    if group in VARIED and name != declared and path.stem.startswith(name):
        return
    says = f"declares {declared}" if declared != group else "declares no name"
    raise BenchmarkError(f"{path}: {says}; its first line is to be `# @package {own}`")
