"""The files of a task's splits, and the rows in them.

Files are read by path, offline if they are there; no code from a data set is ever run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow
from datasets import Dataset

from benchmark.config.schema import CONFIG, SplitConfig, TaskConfig
from benchmark.config.splits import training_splits
from benchmark.config.targets import made_by
from benchmark.data import formats, hub, local
from benchmark.data.listing import Listing, are_joined, format_of, is_data
from benchmark.data.published_forms import SENTENCES, form_of
from benchmark.digests import sha256
from benchmark.errors import BenchmarkError, hint

Origin = tuple[str | None, str | None]  # a repository or folder, and its pinned revision
Wanted = list[tuple[str, str]]  # configurations and splits


@dataclass(frozen=True)
class Source:
    """A data set on this machine: repository, folder, revision and its data files.

    The repository is None for a data set that the project makes, the revision None for all but the hub's.
    """

    repo: str | None
    folder: Path
    revision: str | None
    listing: Listing
    #: Of a data set of the hub: why its cache was not completed, and what helps.
    lacking: str = ""


@dataclass(frozen=True)
class SplitFiles:
    """The files of one split, their digest, and their name in a record.

    ``joined`` are the files' names, if a number in them was all that told that they are one split.
    """

    paths: list[Path]
    digest: str
    name: str
    joined: list[str] = field(default_factory=list)


def origin(task: TaskConfig, split: SplitConfig) -> Origin:
    """The repository or folder of a split, and its pinned revision."""
    return (split.repo, split.revision) if split.repo else (task.repo, task.revision)


def find_sources(task: TaskConfig, splits: list[SplitConfig], cache: Path) -> dict[Origin, Source]:
    """Every data set that a task's splits come from; from the hub, only the files that the splits need.

    Raises: BenchmarkError for a data set that is not available, with the way to get it.
    """
    sources = {}
    for place in dict.fromkeys(origin(task, split) for split in splits):
        repo, revision = place
        if repo is None:
            folder = made_by("task.builder", str(task.builder), cache)
            sources[place] = Source(None, folder, None, local.list_data(folder))
            continue
        of_source = [split for split in splits if origin(task, split) == place]
        sources[place] = of_folder(task, repo, revision) or _of_hub(task, repo, revision, of_source)
    return sources


def find(task: TaskConfig, source: Source, split: SplitConfig, config: str | None = None) -> SplitFiles:
    """The files of ``split``, in its own configuration or in ``config``.

    Raises: BenchmarkError if there are none, naming those that are there.
    """
    config = config or split.config
    part = split.split
    names = source.listing.names
    alone = split.repo and len(names) == 1 and source.revision is None and not form_of(names[0])
    if not alone:  # otherwise it is the user's own file for this very split, whatever its name
        try:
            names = source.listing.files(config, part)
        except BenchmarkError as error:
            raise _not_found(task, source, f"{config}/{part}", error) from error
    formats_of = sorted({str(format_of(name)) for name in names})
    if len(formats_of) > 1:
        raise BenchmarkError(
            f"task {task.name!r}: {config}/{part} of {source.repo} mixes formats: {', '.join(names[:4])}"
        )
    paths = [source.folder / name for name in names]
    for path in paths:
        local.check_readable(path)
    digest = sha256(paths)
    place = f"{config}/{part}"
    own = local.path_of(split.repo) if split.repo else None
    repo = own.name if own else split.repo
    joined = names if are_joined(names, part) and source.listing.patterns(config) is None else []
    return SplitFiles(paths, digest, f"{repo}/{place}" if repo else place, joined)


def sentences_of(source: Source, split: SplitConfig) -> str | None:
    """The configuration with all sentences of a mining set.

    None if the split names none and none lies beside the pairs.
    """
    beside = SENTENCES.format(config=split.config)
    return split.sentences or (beside if beside in source.listing.declared else None)


def read(task: TaskConfig, split: SplitConfig, file: SplitFiles, columns: list[str], cache: Path) -> Dataset:
    """All rows of ``file``.

    An evaluation set may be without the task's target: all its targets are None then.
    Raises: BenchmarkError for a column that does not exist, or rows that cannot be read.
    """
    place = f"{split.config}/{split.split}"
    try:
        texts, names = split.text or task.text, {*task.labels, *split.label_map}
        kept = cache / "parquet" / file.digest[:24]
        rows = formats.read(file.paths, texts, kept, names, [*columns, *split.rows])
    except BenchmarkError as error:
        raise BenchmarkError(f"task {task.name!r}, {place}: {error}") from error
    missing = [column for column in (*columns, *split.rows) if column not in rows.column_names]
    # A target in other letters, such as Label, is a typing error, not a set without targets.
    letters = {column.strip().casefold() for column in rows.column_names}
    lacks_target = missing == [task.target] and task.target.strip().casefold() not in letters
    if lacks_target and split.target is None and split not in training_splits(task):
        rows = rows.add_column(task.target, pyarrow.nulls(len(rows)))
    elif missing:
        meant = hint(missing[0], rows.column_names)
        raise BenchmarkError(
            f"task {task.name!r}: no column {missing[0]!r} (valid: {rows.column_names}) in {file.paths[0]}; the "
            f"first line of a CSV or TSV file names its columns{meant}"
            if format_of(file.paths[0].name) in (".csv", ".tsv")
            else f"task {task.name!r}: no column {missing[0]!r} (valid: {rows.column_names}) in {place}{meant}"
        )
    return rows


def of_folder(task: TaskConfig, repo: str, revision: str | None) -> Source | None:
    """A folder or file on this machine; None if ``repo`` is a name of the hub."""
    try:
        path = local.path_of(repo)
        if path is None:
            return None
        if revision is not None:
            raise BenchmarkError(
                f"revision={revision} is for a repository of the hub, and {path} is on this machine; leave it out"
            )
        return Source(repo, path if path.is_dir() else path.parent, None, local.list_data(path))
    except BenchmarkError as error:
        raise BenchmarkError(f"task {task.name!r}: {error}") from error


def _wanted(splits: Sequence[SplitConfig]) -> Wanted:
    """The configurations and splits to get; for mining also the sentences and the dev split."""
    return [
        (config, name)
        for split in splits
        for config in (split.config, split.sentences)
        for name in (split.split, split.dev)
        if config and name
    ]


def _of_hub(task: TaskConfig, repo: str, revision: str | None, splits: Sequence[SplitConfig]) -> Source:
    """A data set of the hub: from its cache if everything is there, else the hub is asked."""
    wanted = _wanted(splits)
    try:
        folder = hub.cached(repo, revision)
        listing = local.list_data(folder) if folder and any(map(is_data, local.list_names(folder))) else None
        if folder and listing and all(_names(listing, *place) for place in wanted):
            return Source(repo, folder, folder.name, listing)
    except BenchmarkError as error:
        raise BenchmarkError(f"task {task.name!r}: data set {repo!r}: {error}") from error
    configs = sorted({config for config, name in wanted if not (listing and _names(listing, config, name))})
    patterns = [] if CONFIG in configs else [f"{config}/*" for config in configs]

    def choice(remote: Listing) -> list[str]:
        for split in splits:  # refuse a wrong name before anything is downloaded
            remote.files(split.config, split.split)
        return [name for place in wanted for name in _names(remote, *place)]

    try:
        folder = hub.fetched(repo, revision, choice, patterns)
    except BenchmarkError as error:
        if folder and listing:  # whatever is missing is refused later, when it is read
            return Source(repo, folder, folder.name, listing, str(error))
        has = f" (it has it, but {hub.no_data(local.list_names(folder))})" if folder else ""
        raise BenchmarkError(
            f"task {task.name!r}: data set {repo!r} is not in the hub cache{has}: {error}"
        ) from error
    return Source(repo, folder, folder.name, local.list_data(folder))


def _names(listing: Listing, config: str, split: str) -> list[str]:
    """The names of a split's files; none if the split is missing or incomplete."""
    try:
        return listing.files(config, split)
    except BenchmarkError:
        return []


def _not_found(task: TaskConfig, source: Source, place: str, error: BenchmarkError) -> BenchmarkError:
    cached = f"{source.repo} (cached revision {source.revision})"
    lacking = f"; {source.lacking}" if source.lacking else ""
    split = place.rpartition("/")[2]
    unread = sorted(path.name for path in source.folder.iterdir() if _is_unread(path.name, split))
    if unread:
        lacking += f"; {unread[0]} is none of Parquet, CSV, TSV, JSON and Arrow, and is not read"
    where = cached if source.revision else source.folder
    return BenchmarkError(f"task {task.name!r}, {place} of {where}: {error}{lacking}")


def _is_unread(name: str, split: str) -> bool:
    """True for a file that has the split's name but a format that is not read."""
    return name.startswith(f"{split}.") and not is_data(name)
