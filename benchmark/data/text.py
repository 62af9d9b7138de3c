"""The text of a file, whole and in UTF-8."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from benchmark.errors import BenchmarkError

MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x1f\x8b": "gzip"}


def read_text(path: Path) -> str:
    """The text of a file, unpacked from ``.gz``, without byte order mark.

    Raises: BenchmarkError naming file and line for bytes that are not UTF-8.
    """
    content = _content(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        encoding = MARKS.get(content[:2], "not UTF-8")
        source = "UTF-16" if encoding == "UTF-16" else "ISO-8859-1"
        raise BenchmarkError(
            f"{path}, line {line}: {encoding} (byte 0x{content[error.start]:02x}, perhaps {source}, Latin-1 or "
            f"Windows-1252); convert it, e.g. iconv -f {source} -t UTF-8 {path.name}"
            if source != "UTF-16"
            else f"{path} is in UTF-16; convert it: iconv -f UTF-16 -t UTF-8 {path.name}"
        ) from error


def _content(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BenchmarkError(f"{path} is not a whole gzip file: {error}") from error
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read: {error.strerror or error}") from error
