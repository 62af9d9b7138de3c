"""Sides of a speed comparison, on a CPU."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from benchmark.speed.conditions import Conditions
from benchmark.speed.sides import eager, ours, trainer

CPU = torch.device("cpu")
HERE = Conditions(CPU, "float32", 1)
SUMMARY = (
    r"speed: [\d.]+x of Trainer \(dynamic padding\), [\d.]+x \(padded to \d+\), "
    r"[\d.]+x \(PyTorch, dynamic padding\), \d+% of the matmul limit"
)


def sides(tokenizer: Any, here: Conditions) -> dict[str, Any]:
    """Three sides of a comparison, under the conditions ``here``."""
    return {
        "ours": partial(ours, here=here),
        "theirs": trainer(tokenizer, 64, here),
        "plain": eager(tokenizer, here),
    }
