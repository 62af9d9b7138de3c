"""The place of the project's own files, `conf/`, `sweeps/` and `results/published/`, and of the user's."""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
GZ = ".gz"
ADDRESS, OF_FILES = re.compile(r"[A-Za-z][\w+.-]*://"), "file://"
HUB_PAGE = re.compile(
    r"(?:https?://(?:huggingface\.co|hf\.co)/|hf://)(?:datasets/|models/)?([\w.-]+(?:/[\w.-]+)?)"
)
INSTALLED = PACKAGE / "project"  # their place in a wheel: see pyproject.toml


def _root() -> Path:
    """The folder with the project's files: in an installed package its own, else the checkout."""
    return INSTALLED if INSTALLED.is_dir() else PACKAGE.parent


def instead_of_address(place: str) -> str | None:
    """The advice on an address in place of a path; None if ``place`` is not an address."""
    if not ADDRESS.match(place):
        return None
    if page := HUB_PAGE.match(place):
        return f"name the hub's repository, {page[1]}"
    if place.startswith(OF_FILES):
        return f"name the path, {place.removeprefix(OF_FILES)}"
    return "download it, and name the folder"


def without_gz(name: str) -> str:
    """A file's name without ``.gz``, in any case of its letters."""
    return name[: -len(GZ)] if name.lower().endswith(GZ) else name


def in_home(place: str) -> Path:
    """The path of ``place``, in which ``~`` and ``~USER`` stand for home folders."""
    try:
        return Path(place).expanduser()
    except RuntimeError:  # the user does not exist
        return Path(place)


ROOT = _root()
IS_CHECKOUT = ROOT != INSTALLED
