"""Files of the shared task of BUCC 2018: sentences of two languages, and the pairs of their ids.

Zweigenbaum, Sharoff and Rapp, "Overview of the third BUCC shared task" (BUCC 2018). `de-en.training.de` has an id, a
tab and a sentence per line, and so has `de-en.training.en`; `de-en.training.gold` has the ids of a pair per line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.data.text import read_text
from benchmark.errors import BenchmarkError
from benchmark.places import without_gz

PAIRS = re.compile(r"(?P<lang>[a-z]{2,3})-en\.(?P<part>sample|training)\.gold")
TEXTS = re.compile(r"(?P<lang>[a-z]{2,3})-en\.(?P<part>sample|training)\.(?:(?P=lang)|en)")


def pairs(paths: Sequence[Path]) -> dict[str, list[Any]]:
    """The columns ``source_id`` and ``target_id`` (English) of the right pairs.

    Raises: BenchmarkError for several files, or a line that is not a pair of ids.
    """
    check_names(paths, [without_gz(paths[0].name)])
    rows = lines(paths[0], "two ids")
    return {"source_id": [row[0] for row in rows], "target_id": [row[1] for row in rows]}


def sentences(paths: Sequence[Path]) -> dict[str, list[Any]]:
    """The columns ``id``, ``lang`` and ``sentence`` of both languages' files.

    Raises: BenchmarkError if one of the two is missing, or for a line that is not an id and a sentence.
    """
    start = without_gz(paths[0].name).rpartition(".")[0]
    check_names(paths, [f"{start}.{language}" for language in start.partition(".")[0].split("-")])
    columns: dict[str, list[Any]] = {"id": [], "lang": [], "sentence": []}
    for path in paths:
        rows = lines(path, "an id and a sentence")
        columns["id"] += [row[0] for row in rows]
        columns["lang"] += [without_gz(path.name).rpartition(".")[2]] * len(rows)
        columns["sentence"] += [row[1] for row in rows]
    return columns


def check_names(paths: Sequence[Path], wanted: Sequence[str]) -> None:
    """Raises: BenchmarkError if the files are not one of each of the ``wanted`` names."""
    names = [without_gz(path.name) for path in paths]
    if missing := [name for name in wanted if name not in names]:
        raise BenchmarkError(f"{paths[0].parent} has no {missing[0]}, which belongs to {paths[0].name}")
    for number, name in enumerate(names):
        if (first := names.index(name)) != number:
            raise BenchmarkError(
                f"{paths[first]} and {paths[number]} have the same name: keep one of them in the folder"
            )


def lines(path: Path, form: str) -> list[list[str]]:
    """The two fields of every line; blank lines count for nothing.

    Raises: BenchmarkError naming the file and line.
    """
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("\t")
        if len(fields) != 2:
            raise BenchmarkError(
                f"{path}, line {number}: {len(fields)} fields, and a line has {form} with a tab between"
            )
        rows.append(fields)
    if not rows:
        raise BenchmarkError(f"{path} is empty: it has no rows")
    return rows
