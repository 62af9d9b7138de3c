"""The place of the project's own files, `conf/`, `sweeps/` and `results/published/`, and of the user's."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "project"  # their place in a wheel: see pyproject.toml


def _root() -> Path:
    """The folder with the project's files: in an installed package its own, else the checkout."""
    return INSTALLED if INSTALLED.is_dir() else PACKAGE.parent


def in_home(place: str) -> Path:
    """The path of ``place``, in which ``~`` and ``~USER`` stand for home folders."""
    try:
        return Path(place).expanduser()
    except RuntimeError:  # of a user that does not exist
        return Path(place)


ROOT = _root()
IS_CHECKOUT = ROOT != INSTALLED
