"""Where the project's own files lie: `conf/`, `sweeps/` and `results/published/`."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "project"  # where a wheel has them: see pyproject.toml


def _root() -> Path:
    """The folder with `conf/`, `sweeps/` and `results/published/`: in an installed package its own, else the checkout."""
    return INSTALLED if INSTALLED.is_dir() else PACKAGE.parent


ROOT = _root()
IS_CHECKOUT = ROOT != INSTALLED
