"""Other weights in place of the trained ones during an evaluation, for averages and interpolations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from benchmark.step.update import Tensors


@contextmanager
def replaced(model: nn.Module, values: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Put ``values`` in place of the parameters of these names, for the block.

    After the block the parameters have the same bits as before.
    """
    parameters = dict(model.named_parameters())
    weights: Tensors = [parameters[name] for name in values]
    with torch.no_grad():
        kept = [weight.clone() for weight in weights]
        if weights:
            torch._foreach_copy_(weights, list(values.values()))
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, value in zip(weights, kept, strict=True):
                weight.copy_(value)
