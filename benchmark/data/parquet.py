"""Parquet files of a split, and the number of their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow
import pyarrow.parquet

from benchmark.damage import healed, is_full
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:  # the rows of a table of settings are counted without it
    from datasets import Dataset


def read(paths: Sequence[Path], cache: Path) -> Dataset:
    """The rows of some files, kept in ``cache`` as Arrow; what is damaged there is made anew.

    Raises: BenchmarkError naming a file that is damaged, has no rows, or has columns of another type.
    """
    from datasets import Dataset, Features

    schemas, sizes = zip(*map(schema_and_size, paths), strict=True)
    check_alike(paths, schemas)
    if not sum(sizes):
        raise BenchmarkError(f"{', '.join(map(str, paths[:3]))}: no rows")
    # The first file gives the types, so it must not have a column without any value.
    complete = next((schema for schema in schemas if pyarrow.null() not in schema.types), schemas[0])
    features = None if complete is schemas[0] else Features.from_arrow_schema(complete)
    names = [str(path) for path in paths]
    try:
        return healed(
            cache,
            lambda: Dataset.from_parquet(names, features=features, cache_dir=str(cache)),
            lambda rows: len(rows) == sum(sizes),
        )
    except Exception as error:  # datasets raises many types of its own around Arrow's errors
        if is_full(error) or getattr(error, "filename", None) == str(cache):
            raise
        reason = " ".join(str(error.__cause__ or error).split())
        raise BenchmarkError(f"cannot read {names[0]}: {reason}") from error


def schema_and_size(path: Path) -> tuple[pyarrow.Schema, int]:
    """The columns of a file with their types, and the number of its rows.

    Raises: BenchmarkError naming a damaged file, or a column that is there twice.
    """
    try:
        metadata = pyarrow.parquet.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
    except (pyarrow.ArrowException, OSError) as error:
        raise BenchmarkError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    for name, count in Counter(schema.names).items():
        if count > 1:
            raise BenchmarkError(f"{path}: {count} columns are named {name!r}")
    return schema, metadata.num_rows


def check_alike(paths: Sequence[Path], schemas: Sequence[pyarrow.Schema]) -> None:
    """Refuse files whose columns differ in name or type; a column without any value fits every type.

    Raises: BenchmarkError naming two files, the column and its types.
    """
    types: dict[str, tuple[pyarrow.DataType, Path]] = {}
    for path, schema in zip(paths, schemas, strict=True):
        if set(schema.names) != set(schemas[0].names):
            name = sorted(set(schema.names) ^ set(schemas[0].names))[0]
            having, lacking = (path, paths[0]) if name in schema.names else (paths[0], path)
            raise BenchmarkError(f"column {name!r} is in {having} and not in {lacking}")
        for column in schema:
            known, first = types.get(column.name, (pyarrow.null(), path))
            if _plain(known) != _plain(column.type) and not pyarrow.types.is_null(column.type):
                if not pyarrow.types.is_null(known):
                    raise BenchmarkError(
                        f"column {column.name!r} is {known} in {first} and {column.type} in {path}"
                    )
                types[column.name] = column.type, path


def _plain(kind: pyarrow.DataType) -> pyarrow.DataType:
    return pyarrow.string() if pyarrow.types.is_large_string(kind) else kind


def size(repo: str, revision: str | None, config: str, split: str) -> int | None:
    """The number of rows in a split's files; None if they are not cached.

    All rows count, whatever their content. Nothing is fetched.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    from benchmark.data.listing import listed

    try:
        folder = Path(snapshot_download(repo, repo_type="dataset", revision=revision, local_files_only=True))
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
        files = listed(names).files(config, split)
    except (LocalEntryNotFoundError, OSError, BenchmarkError):
        return None
    return sum(pyarrow.parquet.read_metadata(folder / name).num_rows for name in files)
