"""Reference values of the methods: inputs and outputs of the authors' code, or of their equations.

They stand in ``../shared/vectors/methods`` beside the repository, or in the folder that the environment
variable ``METHOD_VECTORS`` names; tests that need them skip with a message where there are none.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.config.compose import ROOT

FOLDER = Path(os.environ.get("METHOD_VECTORS") or ROOT.parent / "shared" / "vectors" / "methods")


@dataclass(frozen=True)
class Case:
    """One case: its hyper-parameters, its note and its arrays."""

    name: str
    hyper: dict[str, Any]
    note: str
    arrays: dict[str, np.ndarray]

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def tensor(self, key: str) -> torch.Tensor:
        """The array as a fresh tensor."""
        return torch.from_numpy(np.array(self.arrays[key]))

    def keyed(self, prefix: str) -> dict[str, torch.Tensor]:
        """The arrays ``prefix:NAME`` by NAME, as fresh tensors."""
        return {key.split(":", 1)[1]: self.tensor(key) for key in self.arrays if key.startswith(f"{prefix}:")}

    def count(self, stem: str) -> int:
        """How many arrays ``stem_0``, ``stem_1``, … there are."""
        return next(i for i in range(10_000) if f"{stem}_{i}" not in self.arrays)


def names(method: str) -> list[str]:
    """The names of a method's cases; an unknown place gives one name, whose test will skip."""
    index = FOLDER / method / "cases.json"
    return [case["case"] for case in json.loads(index.read_text())] if index.is_file() else ["none"]


def load(method: str, name: str) -> Case:
    """A case of a method; skips the test where there are no reference values."""
    index = FOLDER / method / "cases.json"
    if not index.is_file():
        pytest.skip(f"no reference values of {method}: neither METHOD_VECTORS nor ../shared/vectors has them")
    case = next(case for case in json.loads(index.read_text()) if case["case"] == name)
    with np.load(index.parent / f"{name}.npz", allow_pickle=False) as arrays:
        return Case(name, case["hyper"], case.get("note") or "", dict(arrays))
