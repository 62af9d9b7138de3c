"""Folders that the project builds in the cache: once, and complete or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.damage import SET_ASIDE, set_aside
from benchmark.progress import hearer

DataRow = dict[str, Any]  # a row of a split, by column


def built_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """``folder``, filled by ``build`` if it does not exist yet.

    ``build`` writes to a temporary folder, which is renamed at the end. A folder that has lost or cut files is
    set aside and built anew.
    """
    # Beside the folder, which has the layout of a hub's
    noted = folder.with_name(f"{folder.name}.sizes.json")
    if folder.is_dir() and _as_noted(folder, noted):
        return folder
    if folder.exists():
        set_aside(folder, "damaged (files are missing or cut), made anew", folder.parent.parent / SET_ASIDE)
    hearer()(f"making {folder.name} (once)", 0, 0)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        build(partial)
        partial.chmod(0o755)
        _note(noted, _sizes(partial))
        try:
            os.rename(partial, folder)
        except OSError:
            if not folder.is_dir():  # another process was first, and its folder is as good
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _sizes(folder: Path) -> dict[str, int]:
    """The bytes of every file by its place in ``folder``."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_size for path in paths}


def _note(noted: Path, sizes: dict[str, int]) -> None:
    partial = noted.with_name(f"{noted.name}.{os.getpid()}")
    partial.write_text(json.dumps(sizes))
    os.replace(partial, noted)


def _as_noted(folder: Path, noted: Path) -> bool:
    """True if ``folder`` still has the files and sizes with which it was built; later files may stay."""
    try:
        sizes = json.loads(noted.read_text())
    except FileNotFoundError:  # built before there were notes
        return True
    except (OSError, ValueError):
        return False
    return sizes.items() <= _sizes(folder).items()


def save_split(folder: Path, config: str, split: str, rows: list[DataRow]) -> None:
    """Write one split of the data set ``folder`` as Parquet, in the hub's file layout."""
    import pyarrow
    from pyarrow import parquet

    (folder / config).mkdir(exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / config / f"{split}-00000-of-00001.parquet")
