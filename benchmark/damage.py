"""Damaged files of the project's caches: set aside, never deleted, and made anew."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

log = logging.getLogger(__name__)

Made = TypeVar("Made")
SET_ASIDE = "set-aside"
FULL = (errno.ENOSPC, errno.EDQUOT)


def healed(place: Path, make: Callable[[], Made], sound: Callable[[Made], bool]) -> Made:
    """The result of ``make``, which keeps it at ``place``, or finds it there.

    A result that cannot be read, or is not ``sound``, is set aside and made once more. Raises:
    PermissionError naming ``place`` if it cannot be moved.
    """
    if not place.exists():
        return make()
    try:
        made = make()
        if sound(made):
            return made
        why = "it is not whole"
    except Exception as error:  # the libraries raise Arrow's errors as many types
        if is_full(error) or isinstance(error, MemoryError):
            raise
        why = " ".join(str(error).split()) or type(error).__name__
    set_aside(place, f"damaged ({why}), made anew", place.parent.parent / SET_ASIDE)
    if place.exists():
        raise PermissionError(
            errno.EACCES, "it is damaged, and could not be moved away: remove it", str(place)
        )
    return make()


def set_aside(path: Path, why: str, folder: Path) -> None:
    """Move ``path`` to a place of its own in ``folder``, and say so."""
    try:
        folder.mkdir(exist_ok=True)
        target = Path(tempfile.mkdtemp(prefix=f"{path.name}-", dir=folder)) / path.name
        os.rename(path, target)
    except OSError as error:  # a read-only folder, or another process was first
        log.warning("%s: %s, and could not be moved away (%s)", path, why, error)
    else:
        log.warning("%s: %s; moved to %s", path, why, target)


def is_full(error: BaseException | None) -> bool:
    """True if a disk without room is behind ``error``."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if (isinstance(error, OSError) and error.errno in FULL) or "No space left on device" in str(error):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False
