"""Folders that the project makes for itself: built once, whole or not at all, in the cache."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


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
