"""Folders that a user names: the store, the cache, and the place of reports."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.places import in_home
from benchmark.printable import printable


def folder_at(key: str, text: str) -> Path:
    """The folder that ``key`` names, with the home folder in place of ``~``.

    Raises: BenchmarkError for a text without a letter, or with control characters.
    """
    if not text.strip():
        raise BenchmarkError(f"{key}={text!r}: names no folder; the current one is {key}=.")
    if printable(text) != text:
        raise BenchmarkError(f"{key}={text!r}: a folder's name has no control characters and is on one line")
    return in_home(text)
