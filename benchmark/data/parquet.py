"""Parquet files of a split, and the number of their rows."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow
import pyarrow.parquet

from benchmark.errors import BenchmarkError

if TYPE_CHECKING:  # the rows of a table of settings are counted without it
    from datasets import Dataset


def read(paths: Sequence[Path], cache: Path) -> Dataset:
    """The rows of some files, kept in ``cache`` as Arrow; what is damaged there is made anew.

    Raises: BenchmarkError naming a file that is damaged, has no rows, or has columns of another type.
    """
    from datasets import Dataset

    if not sum(check(paths)):
        raise BenchmarkError(f"{', '.join(map(str, paths[:3]))}: no rows")
    names = [str(path) for path in paths]
    for last in (False, True):
        try:
            rows = Dataset.from_parquet(names, cache_dir=str(cache))
            split = next(iter((rows.info.splits or {}).values()), None)
            if split is None or len(rows) == split.num_examples:
                return rows
            reason: object = f"{len(rows)} of {split.num_examples} rows in {cache}"
        except Exception as error:  # datasets raises many types of its own around Arrow's errors
            reason = error.__cause__ or error
        if not last:
            shutil.rmtree(cache, ignore_errors=True)
    raise BenchmarkError(f"cannot read {names[0]}: {' '.join(str(reason).split())}")


def check(paths: Sequence[Path]) -> list[int]:
    """The number of rows of each file.

    Raises: BenchmarkError naming a damaged file, a column that is there twice, or columns of unlike types.
    """
    schemas, sizes = [], []
    for path in paths:
        try:
            metadata = pyarrow.parquet.read_metadata(path)
            schemas.append(metadata.schema.to_arrow_schema())
        except (pyarrow.ArrowException, OSError) as error:
            raise BenchmarkError(f"cannot read {path}: {' '.join(str(error).split())}") from error
        sizes.append(metadata.num_rows)
    names, count = Counter(schemas[0].names).most_common(1)[0] if schemas[0].names else ("", 0)
    if count > 1:
        raise BenchmarkError(f"{paths[0]}: {count} columns are named {names!r}")
    check_alike(paths, schemas)
    return sizes


def check_alike(paths: Sequence[Path], schemas: Sequence[pyarrow.Schema]) -> None:
    """Refuse files whose columns differ in name or type; one without any value goes with all.

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

    from benchmark.data.layout import layout

    try:
        folder = Path(snapshot_download(repo, repo_type="dataset", revision=revision, local_files_only=True))
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
        files = layout(names).files(config, split)
    except (LocalEntryNotFoundError, OSError, BenchmarkError):
        return None
    return sum(pyarrow.parquet.read_metadata(folder / name).num_rows for name in files)
