"""Rows of JSON files: one object per line, an array of objects, or an object around one of these."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow

from benchmark.data.text import read_text
from benchmark.errors import BenchmarkError
from benchmark.places import without_gz

Row = dict[str, Any]
# Arrow's errors for values that do not fit one column; half a surrogate pair is not valid Unicode.
UNFIT = (pyarrow.ArrowException, OverflowError, TypeError, UnicodeEncodeError)
SHOWN = 60  # characters of a value in a message
HALF = re.compile(r"\\u[dD][89a-fA-F]")  # half of a letter that is spelt as a surrogate pair
# A repeated key, a number with too many digits, lists nested too deeply.
UNREAD = (KeyError, ValueError, RecursionError)


def read(path: Path) -> list[Row]:
    """The rows of a file.

    Raises: BenchmarkError naming file, line or row, for text that is not JSON and for rows that are not objects.
    """
    text, by_line = read_text(path), not without_gz(path.name).lower().endswith(".json")
    try:
        rows = _lines(text, path) if by_line else _questions(_array(_parse(text), path))
    except json.JSONDecodeError:
        rows = _lines(text, path)
    except UNREAD as error:
        raise BenchmarkError(f"{path}: {error.args[0]}") from error
    halves = HALF.search(text)
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise BenchmarkError(f"{path}, row {number}: {_short(row)} where an object is wanted")
        if halves:
            _check_whole(row, f"{path}, row {number}")
    return rows


def columns(
    files: Sequence[tuple[Path, list[Row]]], wanted: Sequence[str] | None = None
) -> dict[str, pyarrow.Array]:
    """The columns of all rows of several files; a key that a row lacks is a missing value.

    Columns with different types of values are left out if they are not ``wanted``; None: all are.
    Raises: BenchmarkError naming file, row, column and value, for values of different types.
    """
    rows = [row for _, some in files for row in some]
    names = dict.fromkeys(name for row in rows for name in row)
    places = [(path, number) for path, some in files for number in range(len(some))]
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pyarrow.array(values)
        except UNFIT as error:
            if wanted is not None and name not in wanted:
                continue
            first = _unlike(values)
            path, number = places[first]
            raise BenchmarkError(
                f"{path}, row {number}: column {name!r} has {_fault(values, first)}"
            ) from error
    return columns


def _parse(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> Row:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise KeyError(f"an object has the key {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return made


def _check_whole(row: Row, place: str) -> None:
    """Raises: BenchmarkError for a value with half of a surrogate pair."""
    for name, value in row.items():
        try:
            json.dumps([name, value], ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(error.object[error.start]):04x}"
            raise BenchmarkError(
                f"{place}: column {name!r} has {half}, half of a surrogate pair, which is not a letter"
            ) from error


def _lines(text: str, path: Path) -> list[Any]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(_parse(line))
            except json.JSONDecodeError as error:
                raise BenchmarkError(f"{path}, line {number}: no JSON: {error.msg}") from error
            except UNREAD as error:
                raise BenchmarkError(f"{path}, line {number}: {error.args[0]}") from error
    if not rows:
        raise BenchmarkError(f"{path} is empty: it has no rows")
    return rows


def _array(whole: Any, path: Path) -> list[Any]:
    """The rows of a whole document: an array, the only array in an object, or columns by name.

    A column is an array, or an object by row as pandas writes it.
    """
    if isinstance(whole, list):
        return whole
    if not isinstance(whole, dict):
        raise BenchmarkError(f"{path}: {_short(whole)} where rows are wanted")
    if whole and all(
        isinstance(value, dict) and [*value] == [*whole[next(iter(whole))]] for value in whole.values()
    ):
        whole = {key: [*value.values()] for key, value in whole.items()}
    lists = {key: value for key, value in whole.items() if isinstance(value, list)}
    arrays = [value for value in lists.values() if all(isinstance(row, dict) for row in value)]
    if len(arrays) == 1:
        return arrays[0]
    if not lists:
        return [whole]  # a file of one line
    if len(lists) == len(whole) and not arrays and len({len(value) for value in lists.values()}) == 1:
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    raise BenchmarkError(
        f"{path}: an object with the keys {', '.join(whole)} where an array of rows is wanted"
    )


def _questions(rows: list[Any]) -> list[Any]:
    """The questions of SQuAD's own format, in which paragraphs are inside of articles."""
    if not rows or not all(isinstance(row, dict) and isinstance(row.get("paragraphs"), list) for row in rows):
        return rows
    return [
        {"title": article.get("title"), "context": paragraph.get("context"), **question}
        for article in rows
        for paragraph in article["paragraphs"]
        for question in paragraph.get("qas", [])
    ]


def _unlike(values: Sequence[Any]) -> int:
    """The position of the first value whose type differs from those before, found by halving."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            pyarrow.array(values[:middle])
            low = middle
        except UNFIT:
            high = middle
    return high - 1


def _fault(values: Sequence[Any], first: int) -> str:
    """The fault of the ``first`` value that does not fit the column: its own, or beside the values before."""
    shown = _short(values[first])
    try:
        pyarrow.array([values[first]])
    except UnicodeEncodeError:
        return f"half a character: {shown}"
    except OverflowError:
        return f"{shown}, and whole numbers have 64 bits at most: write it as a text, in quotation marks"
    except UNFIT:
        return f"{shown}, whose parts have different types"
    before = next(value for value in values if value is not None)
    return f"{shown}, and not the type of the rows before, such as {_short(before)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
