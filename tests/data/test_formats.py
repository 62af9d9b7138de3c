"""Arrow files and streams, which have one name and two forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from pyarrow import feather

from benchmark.data import formats
from benchmark.errors import BenchmarkError

TABLE = pyarrow.table({"text": ["a", "b"], "label": [0, 1]})


def as_file(path: Path, table: pyarrow.Table = TABLE) -> None:
    with pyarrow.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table)


def as_stream(path: Path) -> None:
    with pyarrow.ipc.new_stream(str(path), TABLE.schema) as file:
        file.write_table(TABLE)


@pytest.mark.parametrize(
    "write",
    [
        as_stream,
        as_file,
        lambda path: feather.write_feather(TABLE, str(path)),
        lambda path: feather.write_feather(TABLE, str(path), compression="zstd"),
        lambda path: as_file(path, TABLE.set_column(0, "text", TABLE["text"].dictionary_encode())),
    ],
)
def test_every_form_of_arrow_gives_the_same_rows(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / "a.arrow")
    as_stream(tmp_path / "b.arrow")
    read = formats.read([tmp_path / "a.arrow", tmp_path / "b.arrow"], [], tmp_path)
    assert read.to_list() == TABLE.to_pylist() * 2


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (lambda path: path.write_text("text,label\na,0\n"), "begins as no Arrow file and no Arrow stream"),
        (lambda path: path.touch(), "begins as no Arrow file and no Arrow stream"),
        (lambda path: (as_file(path), path.write_bytes(path.read_bytes()[:200])), "Not an Arrow file"),
        (lambda path: (as_stream(path), path.write_bytes(path.read_bytes()[:40])), "Expected to read"),
    ],
)
def test_what_is_no_whole_arrow_is_refused(
    write: Callable[[Path], object], line: str, tmp_path: Path
) -> None:
    write(tmp_path / "a.arrow")
    with pytest.raises(BenchmarkError, match=rf"^cannot read .*a\.arrow: .*{line}"):
        formats.read([tmp_path / "a.arrow"], [], tmp_path)
