"""Folders that the project builds in the cache: once, and complete or not at all."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

DataRow = dict[str, Any]  # of a split, by column


def built_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """``folder``, filled by ``build`` if it does not exist yet.

    ``build`` writes to a temporary folder, which is renamed at the end.
    """
    if folder.is_dir():
        return folder
    print(f"making {folder.name} in {folder.parent} (once; seconds)", file=sys.stderr, flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        build(partial)
        partial.chmod(0o755)
        try:
            os.rename(partial, folder)
        except OSError:
            if not folder.is_dir():  # another process was first, and its folder is as good
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def save_split(folder: Path, config: str, split: str, rows: list[DataRow]) -> None:
    """Write one split of the data set ``folder`` as Parquet, in the hub's file layout."""
    import pyarrow
    from pyarrow import parquet

    (folder / config).mkdir(exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / config / f"{split}-00000-of-00001.parquet")
