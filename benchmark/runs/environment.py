"""Environment of a run, for its record: code, packages, device."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from functools import cache
from typing import Any

import torch

from benchmark.places import IS_CHECKOUT, ROOT
from benchmark.printable import printable

PACKAGES = [
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "evaluate",
    "huggingface-hub",
    "numpy",
    "scikit-learn",
    "scipy",
    "hydra-core",
    "omegaconf",
]


def stamp(device: torch.device, threads: int, precision: str) -> dict[str, Any]:
    """The environment of a run, without names of users and paths of files."""
    return {
        "code": _code(),
        "python": platform.python_version(),
        "packages": _packages(),
        "device": printable(torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()),
        "device_type": device.type,
        "threads": threads if device.type == "cpu" else None,
        "precision": precision,
    }


@cache
def _packages() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in PACKAGES}


@cache
def _code() -> dict[str, Any]:
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


@cache
def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
