"""The names of code that a pickle refers to, read without running any of it. Needs no torch."""

from __future__ import annotations

import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MEMBER = "data.pkl"  # the pickle in an archive that `torch.save` writes
# The makers of tensors, and the words for their types.
OF_TENSORS = re.compile(r"collections\.OrderedDict|torch\.(storage\.)?\w+|torch\._utils\._rebuild_\w+")
DOTTED = re.compile(r"\w+(\.\w+)+")
PUT, GET = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")


def foreign_code(path: Path) -> str | None:
    """The first name in a file's pickles that stands for code; None if there is none."""
    try:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                return _foreign(file)
        with zipfile.ZipFile(path) as archive:
            member = next(name for name in archive.namelist() if name.rpartition("/")[2] == MEMBER)
            with archive.open(member) as file:
                return _foreign(file)  # type: ignore[arg-type]
    except (OSError, zipfile.BadZipFile, StopIteration):
        return None


def _foreign(file: BinaryIO) -> str | None:
    """The same as `foreign_code`; an older file of `torch.save` has several pickles, then bare numbers."""
    while True:
        try:
            names = list(_names(file))
        except Exception:  # many types, for content that is not a pickle
            return None
        if not all(DOTTED.fullmatch(name) for name in names):
            return None
        if foreign := [name for name in names if not OF_TENSORS.fullmatch(name)]:
            return foreign[0]


def _names(file: BinaryIO) -> Iterator[str]:
    """The dotted names in one pickle. Raises: ValueError and others for one that is not whole."""
    memo: dict[int, object] = {}
    texts: list[object] = []  # a memo keeps the last one
    for code, argument, _ in pickletools.genops(file):
        if code.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1)
        elif code.name == "STACK_GLOBAL":
            yield ".".join(map(str, texts[-2:]))
        elif code.name == "MEMOIZE":
            memo[len(memo)] = texts[-1] if texts else None
        elif code.name in PUT:
            memo[int(argument or 0)] = texts[-1] if texts else None
        elif code.name in GET:
            texts.append(memo.get(int(argument or 0)))
        elif "UNICODE" in code.name or "STRING" in code.name:
            texts.append(argument)
