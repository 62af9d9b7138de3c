"""Rows of data files, by format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow
from datasets import Dataset, concatenate_datasets
from datasets.table import InMemoryTable

from benchmark.data import delimited, json_rows, parquet
from benchmark.data.listing import format_of
from benchmark.data.typed import typed
from benchmark.errors import BenchmarkError


def read(paths: Sequence[Path], texts: Sequence[str], cache: Path) -> Dataset:
    """The rows of some files of one format; the columns ``texts`` of CSV and TSV files stay text.

    Raises: BenchmarkError naming the file, for one that cannot be read, or has no rows or other columns.
    """
    suffix = format_of(paths[0].name)
    if suffix == ".parquet":
        return parquet.read(paths, cache)
    if suffix == ".arrow":
        rows = _arrow(paths)
    elif suffix in (".csv", ".tsv"):
        rows = _dataset(_delimited(paths, texts))
    else:
        rows = _dataset(json_rows.columns([(path, json_rows.read(path)) for path in paths]))
    if not len(rows):
        raise BenchmarkError(f"{', '.join(map(str, paths[:3]))}: no rows")
    return rows


def _delimited(paths: Sequence[Path], texts: Sequence[str]) -> dict[str, pyarrow.Array]:
    files = [delimited.read(path) for path in paths]
    for path, columns in zip(paths, files, strict=True):
        if set(columns) != set(files[0]):
            raise BenchmarkError(
                f"{path} has the columns {', '.join(columns)}, and {paths[0]} {', '.join(files[0])}"
            )
    joined = {name: [value for file in files for value in file[name]] for name in files[0]}
    return {
        name: pyarrow.array(values, pyarrow.string()) if name in texts else typed(values)
        for name, values in joined.items()
    }


def _arrow(paths: Sequence[Path]) -> Dataset:
    parts = []
    for path in paths:
        try:
            parts.append(Dataset.from_file(str(path)))
        except Exception as error:  # datasets raises many types of its own around Arrow's errors
            raise BenchmarkError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    parquet.check_alike(paths, [part.data.schema for part in parts])
    return concatenate_datasets(parts)


def _dataset(columns: dict[str, pyarrow.Array]) -> Dataset:
    return Dataset(InMemoryTable(pyarrow.table(columns)))
