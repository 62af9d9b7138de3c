"""Rows of data files, by format."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from pathlib import Path

import pyarrow
from datasets import Dataset, concatenate_datasets
from datasets.table import InMemoryTable

from benchmark.data import delimited, json_rows, parquet, published_forms
from benchmark.data.listing import format_of
from benchmark.data.typed import typed
from benchmark.errors import BenchmarkError

ARROW_FILE, ARROW_STREAM = b"ARROW1", b"\xff\xff\xff\xff"  # their first bytes
NO_NAME = re.compile("[\0\ud800-\udfff]")  # what Arrow cannot keep in the name of a column


def read(
    paths: Sequence[Path],
    texts: Sequence[str],
    cache: Path,
    names: Container[str] = (),
    wanted: Sequence[str] | None = None,
) -> Dataset:
    """The rows of some files of one format.

    In CSV and TSV files the columns ``texts`` stay text, and so do columns with nothing but ``names`` of
    classes.

    A JSON column with different types of values is left out if it is not ``wanted``; None: all are.
    Raises: BenchmarkError naming the file, for one that cannot be read, or has no rows or other columns.
    """
    if (columns := published_forms.read(paths)) is not None:
        return _dataset(paths, {name: pyarrow.array(values) for name, values in columns.items()})
    suffix = format_of(paths[0].name)
    if suffix == ".parquet":
        return parquet.read(paths, cache)
    if suffix == ".arrow":
        rows = _arrow(paths)
    elif suffix in (".csv", ".tsv"):
        rows = _dataset(paths, _delimited(paths, texts, names))
    else:
        rows = _dataset(paths, json_rows.columns([(path, json_rows.read(path)) for path in paths], wanted))
    if not len(rows):
        raise BenchmarkError(f"{', '.join(map(str, paths[:3]))}: no rows")
    return rows


def _delimited(
    paths: Sequence[Path], texts: Sequence[str], names: Container[str]
) -> dict[str, pyarrow.Array]:
    files = [delimited.read(path) for path in paths]
    for path, columns in zip(paths, files, strict=True):
        if set(columns) != set(files[0]):
            raise BenchmarkError(
                f"{path} has the columns {', '.join(columns)}, and {paths[0]} {', '.join(files[0])}"
            )
    joined = {name: [value for file in files for value in file[name]] for name in files[0]}
    return {
        name: pyarrow.array(values, pyarrow.string()) if name in texts else typed(values, names)
        for name, values in joined.items()
    }


def _arrow(paths: Sequence[Path]) -> Dataset:
    parts = []
    for path in paths:
        with path.open("rb") as file:
            begin = file.read(len(ARROW_FILE))
        try:
            parts.append(_of_file(path) if begin == ARROW_FILE else Dataset.from_file(str(path)))
        except Exception as error:  # datasets raises Arrow's errors as many types of its own
            known = begin.startswith((ARROW_FILE, ARROW_STREAM))
            reason = (
                " ".join(str(error).split()) if known else "it begins as no Arrow file and no Arrow stream"
            )
            raise BenchmarkError(f"cannot read {path}: {reason}") from error
    parquet.check_alike(paths, [part.data.schema for part in parts])
    return concatenate_datasets(parts)


def _of_file(path: Path) -> Dataset:
    """The rows of an Arrow file, as Feather and `pyarrow.ipc.new_file` write it; `datasets` reads streams alone."""
    with pyarrow.memory_map(str(path)) as source, pyarrow.ipc.open_file(source) as file:
        return Dataset(InMemoryTable(file.read_all()))


def _dataset(paths: Sequence[Path], columns: dict[str, pyarrow.Array]) -> Dataset:
    for name in columns:
        if NO_NAME.search(name):
            raise BenchmarkError(f"{paths[0]}: the name of a column has a zero or half a character: {name!r}")
    return Dataset(InMemoryTable(pyarrow.table(columns)))
