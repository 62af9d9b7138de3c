"""CSV and TSV files give their rows as written, or are refused with file and line."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import pytest

from benchmark.data import delimited
from benchmark.data.typed import typed
from benchmark.errors import BenchmarkError

TEN = "".join(f"text {i},{i % 2}\n" for i in range(10))
Write = Any


def read(tmp_path: Path, name: str, text: str | bytes) -> dict[str, list[str]]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return delimited.read(path)


@pytest.mark.parametrize(
    ("name", "text", "texts"),
    [
        ("a.csv", "text,label\na,0\nb,1\n", ["a", "b"]),
        ("a.csv", "text;label\na, b;0\nb;1\n", ["a, b", "b"]),
        ("a.csv", '"text, all";label\na;0\n', None),
        ("a.csv", "text|label\na|0\n", ["a"]),
        ("a.csv", "text\tlabel\na, b\t0\n", ["a, b"]),
        ("a.csv", "text\na\nb\n", ["a", "b"]),
        ("a.csv", "text,PAR1,%PDF,BZh\na,0,0,0\n", ["a"]),
        ("a.csv", b"\xef\xbb\xbftext,label\r\na,0\r\nb,1\r\n", ["a", "b"]),
        ("a.csv", 'text,label\n"a, ""b""",0\n5" disk,1\n', ['a, "b"', '5" disk']),
        ("a.csv", "text,label\nNA,0\nnull,1\nNone,0\n,1\nnan,0\n", ["NA", "null", "None", "", "nan"]),
        ("a.csv", "text,label\n\na,0\n\n", ["a"]),
        ("a.csv", "text,label\ra,0\rb,1\r", ["a", "b"]),
        ("a.csv", f'text,label\n{TEN}"one line,\nand, another",1\n', [f"text {i}" for i in range(10)] + ["one line,\nand, another"]),
        ("a.csv", "text,label\na,0\nb,1", ["a", "b"]),
        ("a.csv", f"text,label\n{'x' * 200_000},0\n", ["x" * 200_000]),
        ("a.csv", "text,label\na\u2028b\x0bc\x85,0\n", ["a\u2028b\x0bc\x85"]),
        ("a.tsv", 'text\tlabel\n"a\t0\nb"\t1\n', ['"a', 'b"']),
        ("a.tsv", 'text\tlabel\n"a" and "b"\t0\n', ['"a" and "b"']),
        ("a.tsv", 'text\tlabel\n"all of it"\t0\n', ['"all of it"']),
        ("a.tsv", '"text"\t"label"\n"all of it"\t0\n', ["all of it"]),
        ("a.tsv", 'text\tlabel\n"say ""a"""\t0\nb\t1\n', ['say "a"', "b"]),
        ("a.tsv", 'text\tlabel\n"a\tb"\t0\nb\t1\n', ["a\tb", "b"]),
        ("a.tsv", 'text\tlabel\n"a\nb"\t0\n', ["a\nb"]),
        ("a.tsv", "text\tlabel\na, b\t0\n", ["a, b"]),
        ("a.csv.gz", gzip.compress(b"text,label\na,0\n", mtime=0), ["a"]),
        ("A.CSV.GZ", gzip.compress(b"text,label\na,0\n", mtime=0), ["a"]),
        ("a.csv", "sep=;\ntext;label\na, b;0\n", ["a, b"]),
        ("a.csv", b'\xef\xbb\xbf"sep=^"\r\ntext^label\r\na,b,c^0\r\n', ["a,b,c"]),
        ("a.tsv", "sep=\t\ntext\tlabel\na\t0\n", ["a"]),
    ],
)  # fmt: skip
def test_rows_are_as_the_file_means_them(
    name: str, text: str | bytes, texts: list[str] | None, tmp_path: Path
) -> None:
    columns = read(tmp_path, name, text)
    if texts is None:
        assert list(columns) == ["text, all", "label"]
    else:
        assert columns["text"] == texts


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.csv", "text,label\na,0\nb,1,2\n", r"a.csv, line 3: 3 fields, .* 2 columns \(text, label\)"),
        ("a.csv", 'text,label\n"a\nb",0\nc\n', "a.csv, line 4: 1 fields"),
        ("a.csv", 'text,label\na,0\n"b,1\nc,0\n', 'a.csv, line 3: a field begins with a quotation mark .*"'),
        ("a.csv", 'text,label\n"a" b,0\n', "a.csv, line 2: a field begins with a quotation mark"),
        ("a.csv", f'text,label\n{TEN}"a,0\nb,1\nc",1\n', "a.csv, lines 12 to 14: .* joins 3 rows"),
        ("a.csv", "id,text\n" + "".join(f"{i},t {i}\n" for i in range(30)) + '30,"a\n31,b"\n', "lines 32 to 33: .* joins 2"),
        ("a.csv", "text,label,label\na,0,0\n", "a.csv, line 1: 2 columns are named 'label'"),
        ("a.csv", "sep=;\ntext;label\na;0\nb\n", "a.csv, line 4: 1 fields"),
        ("a.csv", "sep=;\n", "a.csv is empty"),
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", "\n\n", "a.csv is empty"),
        ("a.csv", "text,label\na,0\né,1\n".encode("latin-1"), r"a.csv, line 3: not UTF-8 \(byte 0xe9.*Latin-1"),
        ("a.csv", "text,label\na,0\n".encode("utf-16"), "a.csv is in UTF-16"),
        ("a.csv", "text,label\na,0\n".encode("utf-16-le"), "a.csv is in UTF-16LE"),
        ("a.csv", "text,label\na,0\n".encode("utf-16-be"), "a.csv is in UTF-16BE"),
        ("a.csv", "text,label\na,0\n".encode("utf-32"), "a.csv is in UTF-32; .* -f UTF-32 "),
        ("a.csv.gz", gzip.compress("text,é\n".encode("utf-16"), mtime=0), r": gunzip -c a.csv.gz \| iconv -f UTF-16 "),
        ("a.csv", gzip.compress(b"text,label\na,0\n", mtime=0), r"a.csv is compressed by gzip: let its name end in .gz"),
        ("a.csv", bz2.compress(b"text,label\na,0\n"), "a.csv is compressed by bzip2"),
        ("a.csv", b"PK\x03\x04rest", "a.csv is an archive or a workbook"),
        ("a.csv", "\n<!DOCTYPE HTML>\n<html>404</html>", "a.csv is a web page"),
        ("a.csv.gz", b"text,label\n", "a.csv.gz is not a whole gzip file"),
        ("a.csv.gz", gzip.compress(b"text,label\n" * 100, mtime=0)[:-12], "a.csv.gz is not a whole gzip file"),
        ("a.tsv", "text\tlabel\na\t0\tb\n", "a.tsv, line 2: 3 fields"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_file_and_line(name: str, text: str | bytes, line: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=line) as caught:
        read(tmp_path, name, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (["0", "1", "-1"], [0, 1, -1]),
        (["0", "", "1"], [0, None, 1]),
        (["01", "10"], ["01", "10"]),
        (["1_1", "2"], ["1_1", "2"]),
        (["0.5", "1", "1e-3"], [0.5, 1.0, 0.001]),
        (["00.5", "1"], ["00.5", "1"]),
        (["True", "False"], ["True", "False"]),
        (["NA", "yes", ""], ["NA", "yes", None]),
        (["NA", "1"], ["NA", "1"]),
        (["9" * 30, "1"], ["9" * 30, "1"]),
        (["1234567890123456789012", "0.5"], ["1234567890123456789012", "0.5"]),
        ([], []),
    ],
)
def test_a_column_has_the_type_that_keeps_all_its_values(values: list[str], read: list[Any]) -> None:
    assert typed(values).to_pylist() == read


def test_a_column_stays_text_for_its_names() -> None:
    names = {"1.0", "1.10", "01", "2", "0.5"}
    assert typed(["1.10", "1.0", ""], names).to_pylist() == ["1.10", "1.0", None]
    assert typed(["1.10", "2.0"], names).to_pylist() == ["1.10", "2.0"]  # one value changes no other
    assert typed(["2", "0.5", "3.0"], names).to_pylist() == [2.0, 0.5, 3.0]
    assert typed(["2", "3"], names).to_pylist() == [2, 3]
    assert typed(["", ""]).to_pylist() == [None, None]
