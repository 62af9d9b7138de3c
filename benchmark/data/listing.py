"""The files of a split among the names in a folder or repository.

A split has the name of its file or folder. If nothing has this name, other common names for it count:
``dev.csv`` is also the split ``validation``. If there are several candidates, none is chosen: the error lists
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml
from fsspec.utils import glob_translate

from benchmark.config.schema import CONFIG
from benchmark.data.shards import SHARD, are_parts, check_complete, without_shard
from benchmark.errors import BenchmarkError, nearest
from benchmark.places import without_gz

FORMATS = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".arrow")
# JSON files that are not data: those of `datasets`, and of models.
NO_DATA = {
    "config.json",
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
}
ALIKE = (
    ("train", "training"),
    ("validation", "valid", "val", "dev", "devel", "development"),
    ("test", "testing", "eval", "evaluation"),
)
CARD = re.compile(r"\s*---[ \t]*\r?\n(.*?)\r?\n---", re.DOTALL)
Patterns = dict[str, list[str]]  # by split


@dataclass(frozen=True)
class Listing:
    """Relative names of data files, and the configurations of their README."""

    names: list[str]
    declared: dict[str, Patterns] = field(default_factory=dict)
    default: str | None = None

    def files(self, config: str, split: str) -> list[str]:
        """The names of the files of a split.

        Raises: BenchmarkError for a split without files, with several candidates or with missing shards.
        """
        patterns = self.patterns(config)
        if patterns is not None:
            names = self.matching(_by_name(patterns, split, config))
            if not names:
                raise BenchmarkError(f"no file of the split {split!r}: {', '.join(patterns[split])}")
            return check_complete(names)
        names = self.scope(config)
        groups = candidates(names, split)
        if not groups and len(names) == 1 and _alike(split) == ALIKE[0] and not _is_known(names[0]):
            groups = [names]  # the only file, whose name is not that of any split
        if len(groups) > 1:
            said = " or ".join(", ".join(group[:3]) for group in groups[:5])
            raise BenchmarkError(
                f"several candidates for the split {split!r}: {said}; name one by its split, or its folder by "
                f"config, or put the parts of one split in a folder {split}/"
            )
        if not groups:
            raise BenchmarkError(f"no split {split!r}{nearest(split, called(names, config))}")
        return check_complete(groups[0])

    def splits(self, config: str) -> list[str]:
        """The names of the splits of a configuration."""
        patterns = self.patterns(config)
        return list(patterns) if patterns is not None else called(self.scope(config), config)

    def configurations(self) -> list[str]:
        """The names of the configurations: those declared, else the folders."""
        folders = {name.split("/")[0] for name in self.names if "/" in name}
        return list(self.declared) or sorted(folders)

    def patterns(self, config: str) -> Patterns | None:
        """The declared patterns of a configuration by split, or None without any.

        Raises: BenchmarkError if none is named and several are declared.
        """
        if config in self.declared:
            return self.declared[config]
        if config != CONFIG or not self.declared:
            return None
        name = self.default or (next(iter(self.declared)) if len(self.declared) == 1 else None)
        if name is None:
            raise BenchmarkError(f"several configurations: name one, config: {' | '.join(self.declared)}")
        return self.declared[name]

    def scope(self, config: str) -> list[str]:
        """The names of all files of a configuration.

        Raises: BenchmarkError for a configuration that is not there.
        """
        inside = [name for name in self.names if name.startswith(f"{config}/")]
        if inside or config == CONFIG:
            return inside or self.names
        raise BenchmarkError(
            f"no configuration {config!r}{nearest(config, [CONFIG, *self.configurations()])}"
        )

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """The names that match one of ``patterns`` (globs)."""
        matches = [re.compile(glob_translate(pattern.removeprefix("./"))).match for pattern in patterns]
        return [name for name in self.names if any(match(name) for match in matches)]


def listed(names: Iterable[str], readme: str | None = None) -> Listing:
    """The data files among the names in a folder.

    ``readme`` is the text of its ``README.md``."""
    data = sorted(name for name in names if is_data(name))
    entries = _metadata(readme).get("configs") if readme else None
    declared, default = {}, None
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        name = str(entry.get("config_name", CONFIG))
        if entry.get("data_files"):
            declared[name] = _patterns(entry["data_files"], entry.get("data_dir"))
            default = name if entry.get("default") else default
    return Listing(data, declared, default)


def is_data(name: str) -> bool:
    """True for a file of a format that is read, and not a hidden one."""
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__")) for part in path.parts)
    return not hidden and path.name not in NO_DATA and format_of(name) is not None


def format_of(name: str) -> str | None:
    """The format by a name's end: ``.csv`` also for ``.csv.gz``, or None."""
    suffix = PurePosixPath(without_gz(name)).suffix.lower()
    return suffix if suffix in FORMATS else None


def candidates(names: Sequence[str], split: str) -> list[list[str]]:
    """The groups of files that may be a split; more than one means that the name does not decide."""
    usual = [name for name in names if name.startswith("data/") and SHARD.search(name)]
    alike = _alike(split)
    for wanted in ([split], alike):
        for matches in (_is_called, _has_word):
            for some in (usual, names):
                if groups := _groups(some, wanted, matches):
                    return groups
    return []


def called(names: Sequence[str], config: str = CONFIG) -> list[str]:
    """The names of splits that appear as file names in one configuration."""
    said = set()
    for name in names:
        parts = [*PurePosixPath(name.removeprefix(f"{config}/")).parent.parts, _stem(name)]
        known = [part for part in parts if any(_in(words, part, _has_word) for words in ALIKE)]
        said.add(known[0] if known else parts[-1])
    return sorted(said)


def are_joined(names: Sequence[str], split: str) -> bool:
    """True for files of a split that only a number in their names joins."""
    folders = {f"{PurePosixPath(name).parent}/" for name in names}
    return are_parts([*(folders if len(folders) > 1 else {*map(without_shard, names)})], _alike(split))


def _groups(
    names: Sequence[str], wanted: Sequence[str], matches: Callable[[str, str], bool]
) -> list[list[str]]:
    """Groups of files that match one of the ``wanted`` names, by a folder on their path or their own name."""
    groups: dict[str, list[str]] = {}
    for name in names:
        parts = PurePosixPath(name).parent.parts
        depth = next((i for i, part in enumerate(parts, 1) if _in(wanted, part, matches)), None)
        if depth is not None:
            groups.setdefault("/".join(parts[:depth]) + "/", []).append(name)
        elif _in(wanted, _stem(name), matches):
            groups.setdefault(without_shard(name), []).append(name)
    if matches is _has_word and are_parts(list(groups), wanted):  # such as train1.csv and train2.csv
        return [[name for group in groups.values() for name in group]]
    return list(groups.values())


def _is_called(name: str, split: str) -> bool:
    return name == split


def _has_word(name: str, split: str) -> bool:
    return re.search(rf"(?<![^\W\d_]){re.escape(split)}(?![^\W\d_])", name, re.IGNORECASE) is not None


def _in(wanted: Iterable[str], name: str, matches: Callable[[str, str], bool]) -> bool:
    return any(matches(name, split) for split in wanted)


def _alike(split: str) -> tuple[str, ...]:
    return next((words for words in ALIKE if split.lower() in words), (split,))


def _is_known(name: str) -> bool:
    return any(_in(words, part, _has_word) for words in ALIKE for part in PurePosixPath(name).parts)


def _stem(name: str) -> str:
    """A file's name without folder, shard and format."""
    return PurePosixPath(without_gz(without_shard(name))).stem


def _by_name(patterns: Patterns, split: str, config: str) -> list[str]:
    """The patterns of a split, which may be called by another of its names."""
    if split in patterns:
        return patterns[split]
    alike = [name for name in patterns if name in _alike(split)]
    if len(alike) != 1:
        raise BenchmarkError(f"no split {split!r} of configuration {config!r}{nearest(split, patterns)}")
    return patterns[alike[0]]


def _patterns(data_files: Any, folder: str | None) -> Patterns:
    """The patterns of a README's ``data_files`` by split: texts, a list by split, or a mapping from splits."""
    if isinstance(data_files, dict) and "path" not in data_files:
        data_files = [{"split": split, "path": paths} for split, paths in data_files.items()]
    entries = data_files if isinstance(data_files, list) else [data_files]
    patterns: Patterns = {}
    for entry in entries:
        by_split = entry if isinstance(entry, dict) else {"split": "train", "path": entry}
        paths = by_split.get("path", [])
        for path in paths if isinstance(paths, list) else [paths]:
            patterns.setdefault(str(by_split.get("split", "train")), []).append(
                f"{folder.strip('/')}/{path}" if folder else str(path)
            )
    return patterns


def _metadata(readme: str) -> dict[str, Any]:
    """The YAML at the head of a README; nothing if it cannot be read."""
    block = CARD.match(readme)
    try:
        metadata = yaml.safe_load(block[1]) if block else None
    except yaml.YAMLError:
        return {}
    return metadata if isinstance(metadata, dict) else {}
