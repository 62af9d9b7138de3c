"""Digests of the inputs of pages: a later build skips unchanged pages."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.places import PACKAGE, ROOT
from benchmark.records.reading import FILE, OUTPUTS
from benchmark.records.store import FAILURES, UNFINISHED, Store
from benchmark.runs import own_code

RUN = re.compile(r"([0-9a-f]{16})(?:-\d+)?")  # the folder of a record
OURS = ("conf", "sweeps", "results/published", "results/reference")
FILES = (".py", ".html", ".css", ".js", ".yaml", ".md", ".json", ".svg")
Stamps = dict[str, dict[str, str]]  # by run id, then by folder or failure: when it was written, and its size


def digest(*parts: Any) -> str:
    """A short digest of JSON values."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def of_project(overrides: Sequence[str]) -> str:
    """The digest of everything but records: code, templates, configurations, tables, the papers' numbers."""
    hashed = hashlib.sha256(repr(list(overrides)).encode())
    for folder in (PACKAGE, *(ROOT / name for name in OURS)):
        for path in sorted(folder.rglob("*")):
            if path.suffix in FILES and path.is_file():
                hashed.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    for path in own_code.files():  # records of other code than this are not used
        hashed.update(f"{path}\0".encode() + path.read_bytes())
    return hashed.hexdigest()[:24]


def stamps(store: Store) -> Stamps:
    """The stamps of all records and failures of a store, by run id."""
    by_run: Stamps = {}
    for entry in _entries(store.folder):
        if match := RUN.fullmatch(entry.name):
            files = (Path(entry.path) / name for name in (FILE, OUTPUTS))
            by_run.setdefault(match[1], {})[entry.name] = " ".join(map(_stamp, files))
    for entry in _entries(store.folder / FAILURES):
        run_id = entry.name.rpartition("-")[0]
        by_run.setdefault(run_id, {})[f"{FAILURES}/{entry.name}"] = _stamp(Path(entry.path))
    return by_run


def unfinished(store: Store) -> int:
    """The number of runs that have begun, and can be continued."""
    return sum(entry.name.endswith(".pt") for entry in _entries(store.folder / UNFINISHED))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        return type(error).__name__
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"
