"""CSV and TSV files: their text decides delimiter and quotation marks; words such as NA stay text."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.data.text import read_text
from benchmark.data.typed import DECIMAL
from benchmark.errors import BenchmarkError
from benchmark.places import without_gz

DELIMITERS = (",", ";", "\t", "|")
TAB = "\t"
QUOTE = '"'
# The line by which Excel learns the delimiter
STATED = re.compile(r'"?sep=([^\w\s"]|\t)"?(?=[\r\n])', re.IGNORECASE)
FEW = 20  # a column with at most so many different values has classes
LONGEST = 1 << 30  # characters of a field; the library's own limit is 131072


class QuotationError(ValueError):
    """A quotation mark in a wrong place, or without its closing mark."""


@dataclass(frozen=True)
class Fields:
    """The fields of a row, and its first and last line from 1."""

    fields: list[str]
    first: int
    last: int


def read(path: Path) -> dict[str, list[str]]:
    """The columns of a file as text, by the names in its first line.

    Raises: BenchmarkError naming file and line, for rows of another width and for stray quotation marks.
    """
    text, delimiter = stated_delimiter(read_text(path))
    delimiter = delimiter_of(text, path, delimiter)
    try:
        quoted = delimiter != TAB or is_quoted(text)
        header, *rows = records(text, delimiter, quoted)
    except QuotationError as error:
        raise BenchmarkError(f"{path}, {error}") from error
    names = column_names(header, path)
    for row in rows:
        if len(row.fields) != len(names):
            raise BenchmarkError(
                f"{path}, line {row.first}: {len(row.fields)} fields, and the first line names {len(names)} "
                f"columns ({', '.join(names)})"
            )
    if quoted:
        check_swallowed(text, delimiter, rows, path)
    return {name: [row.fields[i] for row in rows] for i, name in enumerate(names)}


def stated_delimiter(text: str) -> tuple[str, str | None]:
    """A text, and the delimiter that a first line for Excel states, such as ``sep=;``.

    This line is left blank, so that the others keep their numbers.
    """
    stated = STATED.match(text)
    return (text[stated.end() :], stated[1]) if stated else (text, None)


def delimiter_of(text: str, path: Path, stated: str | None) -> str:
    """The ``stated`` delimiter, or the one that splits the first line into the most columns.

    Between equals it is the format's usual one.

    Raises: BenchmarkError for an empty file.
    """
    first = next((line for line in io.StringIO(text, newline="") if line.strip()), None)
    if first is None:
        raise BenchmarkError(f"{path} is empty: it has no rows")
    if stated is not None:
        return stated
    usual = TAB if without_gz(path.name).lower().endswith(".tsv") else ","
    return max(
        DELIMITERS,
        key=lambda delimiter: (len(next(csv.reader([first], delimiter=delimiter))), delimiter == usual),
    )


def records(text: str, delimiter: str, quoted: bool) -> list[Fields]:
    """The rows of a text, without blank lines.

    Raises: QuotationError naming the first line of a row with a stray quotation mark.
    """
    csv.field_size_limit(LONGEST)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
    )
    rows, first = [], 1
    try:
        for fields in reader:
            if fields:
                rows.append(Fields(fields, first, reader.line_num))
            first = reader.line_num + 1
    except csv.Error as error:
        raise QuotationError(
            f'line {first}: a field begins with a quotation mark (") and: {error}'
        ) from error
    return rows


def is_quoted(text: str) -> bool:
    """True for a TSV file whose quotation marks belong to the format; in GLUE's files they are text.

    They belong to it if all names in the first line have them, or if a field needs them because it contains a
    doubled mark, a tab or a line break. Every field that begins with a mark must end with one.
    """
    try:
        with_marks = records(text, TAB, quoted=True)
    except QuotationError:
        return False
    plain = records(text, TAB, quoted=False)
    if all(len(name) > 1 and name[0] == name[-1] == QUOTE for name in plain[0].fields):
        return True
    width = len(with_marks[0].fields)
    if any(len(row.fields) != width for row in with_marks):
        return False
    if any(len(row.fields) != width for row in plain):
        return True
    return any(QUOTE * 2 in field[1:-1] for row in plain for field in row.fields if field[:1] == QUOTE)


def column_names(header: Fields, path: Path) -> list[str]:
    """The names of the columns; a column without a name is named by its position.

    Raises: BenchmarkError for a name that is there twice.
    """
    names = [name or f"column {number}" for number, name in enumerate(header.fields, 1)]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise BenchmarkError(f"{path}, line {header.first}: {count} columns are named {name!r}")
    return names


def check_swallowed(text: str, delimiter: str, rows: Sequence[Fields], path: Path) -> None:
    """Refuse a row that swallowed whole rows between stray quotation marks.

    A line of text may have as many delimiters as a row; its fields then do not fit the columns.

    Raises: BenchmarkError naming file and lines.
    """
    long = [row for row in rows if row.last > row.first]
    if not long:
        return
    lines = list(io.StringIO(text, newline=""))
    columns = list(zip(*(row.fields for row in rows if row.last == row.first), strict=True))
    telling = {i: values for i, column in enumerate(columns) if (values := _classes(column)) is not None}
    for row in long:
        inside = [records(line, delimiter, quoted=False) for line in lines[row.first - 1 : row.last]]
        fields = [line[0].fields for line in inside if line]
        if telling and all(
            len(line) == len(row.fields) and all(_fits(line[i], values) for i, values in telling.items())
            for line in fields
        ):
            raise BenchmarkError(
                f'{path}, lines {row.first} to {row.last}: a quotation mark (") joins {len(fields)} rows into '
                "one; double the marks inside a text and put the whole text in marks"
            )


def _classes(column: Sequence[str]) -> set[str] | None:
    """The values of a column of classes; none for numbers, None for texts."""
    values = set(column)
    if len(values) <= min(FEW, len(column) // 2):
        return values
    return set() if all(DECIMAL.fullmatch(value) for value in values) else None


def _fits(field: str, values: set[str]) -> bool:
    bare = field.strip(QUOTE)
    return bare in values if values else DECIMAL.fullmatch(bare) is not None
