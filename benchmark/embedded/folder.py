"""Folders that the project makes for itself: built once, whole or not at all, in the cache."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def built_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """``folder``, filled by ``build`` in a temporary place first if it does not exist yet."""
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
            if not folder.is_dir():  # another process may have been first: its folder stands
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def save_split(folder: Path, config: str, split: str, rows: list[dict[str, Any]]) -> None:
    """Write a split of a configuration of the data set ``folder``, in the file layout of the hub."""
    import pyarrow
    from pyarrow import parquet

    (folder / config).mkdir(exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / config / f"{split}-00000-of-00001.parquet")
