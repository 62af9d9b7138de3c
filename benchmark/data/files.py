"""The Parquet files of a task's splits: their places, and the rows of a split.

Data come from the hub's own cache layout and are read by path; no code from a data set is ever run.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from datasets import Dataset
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

from benchmark.config.schema import SplitConfig, TaskConfig
from benchmark.config.targets import made_by
from benchmark.damage import healed, is_full
from benchmark.data import parquet
from benchmark.errors import BenchmarkError
from benchmark.privacy import portable

Origin = tuple[str | None, str | None]  # a repository and its pinned revision
UNTRANSLATED = "NS"


@dataclass(frozen=True)
class Source:
    """A data set on this machine: repository, folder and revision.

    The repository is None for a data set that the project makes.
    """

    repo: str | None
    folder: Path
    revision: str | None


@dataclass(frozen=True)
class SplitFiles:
    """The files of one split, their digest, and their name in a record."""

    paths: list[Path]
    digest: str
    name: str


def origin(task: TaskConfig, split: SplitConfig) -> Origin:
    """The repository and pinned revision of a split."""
    return (split.repo, split.revision) if split.repo else (task.repo, task.revision)


def find_sources(task: TaskConfig, splits: list[SplitConfig], cache: Path) -> dict[Origin, Source]:
    """Every data set that a task's splits come from; only the needed configurations are fetched.

    Raises: BenchmarkError for a data set that is not available, with the command that gets it.
    """
    sources = {}
    for place in dict.fromkeys(origin(task, split) for split in splits):
        repo, revision = place
        if repo is None:
            sources[place] = Source(None, made_by("task.builder", str(task.builder), cache), None)
            continue
        configs = {
            config
            for split in splits
            if origin(task, split) == place
            for config in (split.config, split.sentences)
            if config
        }
        folder = _snapshot(task.name, repo, revision, sorted(f"{config}/*" for config in configs))
        sources[place] = Source(repo, folder, folder.name)
    return sources


def find(task: TaskConfig, source: Source, split: SplitConfig, config: str | None = None) -> SplitFiles:
    """The files of ``split``, in its own configuration or in ``config``.

    Raises: BenchmarkError if there are none, naming file and repository.
    """
    config = config or split.config
    part = split.split
    paths = parquet.paths(source.folder, config, part)
    if not paths:
        raise BenchmarkError(
            f"task {task.name!r}: no file {config}/{part}-*.parquet in {source.repo or source.folder} (looked "
            f"in the cached revision {source.folder.name})"
            + (f"; {_how_to_get(source.repo, [f'{config}/{part}-*'])}" if source.repo else "")
        )
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    place = f"{config}/{part}"
    return SplitFiles(
        paths, digest.hexdigest(), f"{portable(split.repo, 'repo')}/{place}" if split.repo else place
    )


def read(task: TaskConfig, split: SplitConfig, file: SplitFiles, columns: list[str], cache: Path) -> Dataset:
    """The rows of ``file`` that ``split`` asks for.

    Raises: BenchmarkError for a column that does not exist, or if no row fits.
    """
    folder, paths = cache / "parquet" / file.digest[:24], [str(path) for path in file.paths]
    try:
        rows = healed(folder, lambda: Dataset.from_parquet(paths, cache_dir=str(folder)), _whole)
    except Exception as error:  # datasets raises many types of its own around Arrow's errors
        if is_full(error):
            raise
        raise BenchmarkError(f"task {task.name!r}: cannot read {file.paths[0]}: {error}") from error
    if missing := [column for column in (*columns, *split.rows) if column not in rows.column_names]:
        raise BenchmarkError(f"task {task.name!r}: no column {missing[0]!r} (valid: {rows.column_names})")
    place = f"{split.config}/{split.split}"
    for column, pattern in split.rows.items():
        values = rows[column]
        rows = _select(rows, [i for i, value in enumerate(values) if fnmatchcase(str(value), pattern)])
        if not len(rows):
            present = sorted({re.split(r"[^\w]", str(value))[0] for value in values})[:20]
            raise BenchmarkError(
                f"task {task.name!r}: no row of {place} has {column} like {pattern!r} (it has {', '.join(present)})"
            )
    if task.drop_untranslated:
        texts = zip(*(rows[field] for field in split.text or task.text), strict=True)
        rows = _select(rows, [i for i, row in enumerate(texts) if UNTRANSLATED not in row])
    if split.label_map:
        target = split.target or task.target
        rows = _select(rows, [i for i, label in enumerate(rows[target]) if str(label) in split.label_map])
        if not len(rows):
            raise BenchmarkError(
                f"task {task.name!r}: no row of {place} has one of the targets "
                f"{', '.join(split.label_map)} in {target!r}"
            )
    return rows


def _whole(rows: Dataset) -> bool:
    """True if the rows that datasets has cached are as many as it has noted."""
    noted = (rows.info.splits or {}).get(str(rows.split))
    return noted is None or noted.num_examples == len(rows)


def _select(rows: Dataset, kept: list[int]) -> Dataset:
    return rows if len(kept) == len(rows) else rows.select(kept)


def _snapshot(name: str, repo: str, revision: str | None, wanted: list[str]) -> Path:
    try:
        return Path(snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=wanted))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        raise BenchmarkError(
            f"task {name!r}: data set {repo!r} is not in the hub cache and the hub was not "
            f"reached; {_how_to_get(repo, wanted)}"
        ) from error


def _how_to_get(repo: str, patterns: list[str]) -> str:
    shown = [*patterns[:3], *(["…"] if len(patterns) > 3 else [])]
    includes = " ".join(f"--include '{pattern}'" for pattern in shown)
    return f"get it with `hf download {repo} --repo-type dataset {includes}` on a connected machine"
