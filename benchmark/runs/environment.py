"""What a record says about where its numbers came from: code, packages, device."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from functools import cache
from typing import Any

import torch

from benchmark.places import IS_CHECKOUT, ROOT

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
    """The environment of a run; nothing in it depends on who runs it or where files lie."""
    return {
        "code": _code(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "device_type": device.type,
        "threads": threads if device.type == "cpu" else None,
        "precision": precision,
    }


@cache
def _code() -> dict[str, Any]:
    """The commit of the project, and whether the tree differs from it; nulls for an installed package."""
    if not IS_CHECKOUT:  # git would answer for the repository that the environment lies in
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
