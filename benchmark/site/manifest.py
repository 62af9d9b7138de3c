"""The file of a site that lists its inputs: a later build makes only changed pages.

It also says which files are the site's own, so that no other file is ever removed or replaced.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError

FILE = "site.json"
VERSION = 1


@dataclass
class Manifest:
    """The inputs of a site.

    ``project`` is the digest of everything except records. Each entry of ``tables`` and ``runs`` has a key
    (the digest of its inputs) and the facts that other pages show. ``files`` are the paths of all its pages.
    """

    project: str = ""
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    version: int = VERSION

    def save(self, folder: Path) -> None:
        """Write it to a site's ``folder``, whole or not at all."""
        partial = folder / f"{FILE}.partial"
        # Numbers of NumPy
        text = json.dumps(asdict(self), separators=(",", ":"), default=lambda value: value.item())
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / FILE)


def load(folder: Path) -> Manifest:
    """The manifest of a site, or an empty one for a new or empty folder.

    Raises: BenchmarkError for a folder that holds other files, which a site would replace.
    """
    try:
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        made = Manifest(**stored)
        return made if made.version == VERSION else Manifest(files=made.files)
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()):
            raise BenchmarkError(
                f"--output {folder}: has files and no {FILE}, so it is not a site of this project; name another folder"
            ) from None
        return Manifest()
    except (ValueError, TypeError):
        return Manifest()


def remove_others(folder: Path, before: list[str], now: list[str]) -> None:
    """Remove pages of an earlier build that no longer belong to the site."""
    for path in set(before) - set(now):
        place = (folder / path).resolve()
        if place.is_relative_to(folder.resolve()) and not (folder / path).is_symlink():
            place.unlink(missing_ok=True)
