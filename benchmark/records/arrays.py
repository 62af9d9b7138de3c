"""Arrays of a record that do not fit each other: other shapes, or unknown classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def fault(arrays: Mapping[str, np.ndarray]) -> str | None:
    """The first array that does not fit, in words; None if all do."""
    for name, array in arrays.items():
        kind, _, set_name = name.partition("/")
        if kind == "losses" and (array.ndim != 1 or array.dtype.kind not in "fiu"):
            return f"{name}: {_shown(array)}, and not a number per update"
        if kind == "logits":
            if array.ndim != 3 or array.dtype.kind != "f" or not array.size:
                return f"{name}: {_shown(array)}, and not (evaluations, examples, outputs) of floats"
            targets = arrays.get(f"targets/{set_name}")
            if targets is not None and (why := _unfit(targets, array)):
                return f"targets/{set_name}: {why}"
    return None


def _unfit(targets: np.ndarray, logits: np.ndarray) -> str | None:
    examples, outputs = logits.shape[1:]
    if targets.shape != (examples,) or targets.dtype.kind not in "fiu":
        return f"{_shown(targets)}, and the logits have {examples} examples"
    if outputs > 1 and len(targets) and not targets.max() < outputs:
        return f"has {targets.max()}, and the logits have {outputs} outputs"
    return None


def _shown(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"
