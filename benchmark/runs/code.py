"""The version of this code."""

from __future__ import annotations

import subprocess
from functools import cache
from typing import Any

from benchmark.places import IS_CHECKOUT, ROOT


@cache
def code() -> dict[str, Any]:
    """Commit of the project, and a flag for uncommitted changes; None for an installed package."""
    if not IS_CHECKOUT:  # git would report another repository, such as the one around site-packages
        return {"commit": None, "dirty": None}
    try:
        commit = _git("rev-parse", "HEAD")
        dirty = bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": dirty}


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()
