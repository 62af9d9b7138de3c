"""The text of a file, whole and in UTF-8."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.places import without_gz

# By first bytes: encodings, the longest mark first, and formats that are not text.
ENCODINGS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
NO_TEXTS = {
    b"\x1f\x8b": "compressed by gzip: let its name end in .gz",
    b"PK\x03\x04": "an archive or a workbook: unpack it, or save it as CSV",
    b"BZh91AY&SY": "compressed by bzip2: unpack it",
    b"\xfd7zXZ": "compressed by xz: unpack it",
    b"PAR1\x15": "Parquet: let its name end in .parquet",
    b"%PDF-": "a PDF document",
    b"<!doctype html": "a web page, and not the data",
    b"<html": "a web page, and not the data",
}


def read_text(path: Path) -> str:
    """The text of a file, unpacked from ``.gz``, without byte order mark.

    Raises: BenchmarkError naming the file, and what it is if it is not text in UTF-8.
    """
    content = _content(path)
    page = content[:100].lstrip().lower()
    for mark, content_kind in NO_TEXTS.items():
        if (page if mark.startswith(b"<") else content).startswith(mark):
            raise BenchmarkError(f"{path} is {content_kind}")
    for mark, encoding in ENCODINGS.items():
        if content.startswith(mark):
            raise _encoded(path, encoding)
    # Text in UTF-8 has no zero bytes; in UTF-16 every second byte of a Latin letter is zero.
    if len(content) > 3 and 0 in content[:2] and content[:2] != b"\0\0" and b"\0" in content[2:4]:
        raise _encoded(path, "UTF-16LE" if content[1] == 0 else "UTF-16BE")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BenchmarkError(
            f"{path}, line {line}: not UTF-8 (byte 0x{content[error.start]:02x}, perhaps ISO-8859-1, Latin-1 or "
            f"Windows-1252); convert it, e.g. {_converted(path, 'ISO-8859-1')}"
        ) from error


def _encoded(path: Path, encoding: str) -> BenchmarkError:
    return BenchmarkError(f"{path} is in {encoding}; convert it: {_converted(path, encoding)}")


def _converted(path: Path, encoding: str) -> str:
    """The command that writes a file's text in UTF-8."""
    convert, name = f"iconv -f {encoding} -t UTF-8", without_gz(path.name)
    return f"{convert} {name}" if name == path.name else f"gunzip -c {path.name} | {convert}"


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return content if without_gz(path.name) == path.name else gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BenchmarkError(f"{path} is not a whole gzip file: {error}") from error
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read: {error.strerror or error}") from error
