"""Environment of a run, for its record: code, packages, device."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import cache
from typing import Any

import torch

from benchmark.printable import printable
from benchmark.runs.code import code
from benchmark.runs.resources import processor

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
        "code": code(),
        "python": platform.python_version(),
        "packages": _packages(),
        "device": printable(torch.cuda.get_device_name(device) if device.type == "cuda" else processor()),
        "device_type": device.type,
        "threads": threads if device.type == "cpu" else None,
        "precision": precision,
    }


@cache
def _packages() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in PACKAGES}
