"""SHA-256 of files, computed again only if a file was touched.

A file counts as touched if its size, inode or time of change differs. Folders and a hub's `refs/` are watched
too, because files may be added and revisions may move. The small file has paths of this machine, so it lies
in the cache and never in a record.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmark.places import without_gz
from benchmark.progress import hearer, silence

VERSION = 1  # format of the small file
FOLDER = "digests"  # folder within the cache
MB = 1_000_000
LARGE = 200 * MB  # smaller files are read at once, without a word of progress
FORMATS = {".csv": b"csv", ".tsv": b"tsv"}  # the same bytes give other rows as CSV than as TSV
Files = Mapping[str, Sequence[Path]]  # by role, e.g. "weights"
Touched = list[int] | None  # size, inode and times of a path; None if it is not there


def cache_file(cache: Path, named: Any) -> Path:
    """The cache file for a part of a configuration, in this folder."""
    seen_from = [os.getcwd(), *(os.environ.get(name) for name in ("HF_HOME", "HF_HUB_CACHE"))]
    text = json.dumps([VERSION, seen_from, named], sort_keys=True)
    return cache / FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"


def recalled(kept: Path) -> dict[str, str] | None:
    """The digests in a small file; None if there are none, or if a path was touched since."""
    content = _content(kept)
    if content is None or any(touched(path) != then for path, then in content["watched"].items()):
        return None
    return {name: group["digest"] for name, group in content["groups"].items()} | content["facts"]


def computed(kept: Path, files: Files, facts: Mapping[str, str] = {}) -> dict[str, str]:
    """The digests of ``files``, kept in a small file for the next time; further ``facts`` are kept beside them.

    A group whose files were not touched is not read again.
    """
    before = _content(kept) or {"groups": {}, "watched": {}}
    watched = {str(path): touched(path) for path in _watched(files)}
    groups: dict[str, dict[str, Any]] = {}
    for name, paths in files.items():
        names = [str(path) for path in paths]
        group = before["groups"].get(name, {})
        same = group.get("files") == names and all(
            before["watched"].get(path) == watched[path] for path in names
        )
        groups[name] = {"files": names, "digest": group["digest"] if same else sha256(paths)}
    content = {"version": VERSION, "watched": watched, "groups": groups, "facts": dict(facts)}
    with suppress(OSError):  # a cache that cannot be written to: it is computed again the next time
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False) as partial:
            json.dump(content, partial)
        os.replace(partial.name, kept)
    return {name: group["digest"] for name, group in groups.items()} | dict(facts)


def present_digests(kept: Path) -> dict[str, str]:
    """The digests in a cache file whose files still exist."""
    groups = (_content(kept) or {"groups": {}})["groups"]
    files = {name: [Path(path) for path in group["files"]] for name, group in groups.items()}
    return computed(kept, {name: paths for name, paths in files.items() if all(map(Path.is_file, paths))})


def sha256(paths: Iterable[Path]) -> str:
    """The digest of files one after the other, in hexadecimal digits; of CSV and TSV with the format."""
    paths = list(paths)
    digest, tell, done, total = (
        hashlib.sha256(),
        hearer(silence),
        0,
        sum(path.stat().st_size for path in paths),
    )
    for path in paths:
        digest.update(FORMATS.get(without_gz(path.name)[-4:].lower(), b""))
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                done += len(block)
                if total > LARGE:
                    tell("MB of files digested", done // MB, total // MB)
    return digest.hexdigest()


def touched(path: str | Path) -> Touched:
    """The facts that show a change of a path without reading it: size, inode, times."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return [stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]


def _watched(files: Files) -> set[Path]:
    """The files, their folders, and where a hub's cache says which revision is the newest."""
    paths = {path for group in files.values() for path in group}
    paths |= {path.parent for path in paths}
    for path in list(paths):
        if "snapshots" in path.parts:
            refs = Path(*path.parts[: path.parts.index("snapshots")]) / "refs"
            paths |= {refs, *refs.rglob("*")}
    return paths


def _content(kept: Path) -> dict[str, Any] | None:
    """The content of a small file, or None: a damaged one counts as missing."""
    try:
        content = json.loads(kept.read_bytes())
        assert content["version"] == VERSION
        assert all(isinstance(content[key], dict) for key in ("watched", "groups", "facts"))
        assert all(isinstance(group["digest"], str) for group in content["groups"].values())
    except (OSError, ValueError, KeyError, TypeError, AssertionError):
        return None
    return content
