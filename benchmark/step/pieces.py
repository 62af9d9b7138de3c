"""Lists of tensors cut into pieces that stay in a processor's cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import torch

from benchmark.step.update import Tensors

PIECE = 1 << 16  # entries that stay in cache while several operations change them


def pieces(*lists: Sequence[torch.Tensor | float]) -> Iterator[list[Any]]:
    """Split the tensors of all lists in the same way, into lists of one piece.

    A number of a tensor, a float or a tensor (), goes with each of its pieces. On a GPU lists stay whole.
    """
    if any(
        isinstance(entry, torch.Tensor) and entry.device.type != "cpu"
        for entry in next(zip(*lists, strict=True), ())
    ):
        yield list(lists)
        return
    for entries in zip(*lists, strict=True):
        tensors = [entry for entry in entries if isinstance(entry, torch.Tensor) and entry.ndim]
        if not tensors or not all(tensor.is_contiguous() for tensor in tensors):
            yield [[entry] for entry in entries]
            continue
        count = -(-tensors[0].numel() // PIECE)
        cut = [
            entry.view(-1).split(PIECE)
            if isinstance(entry, torch.Tensor) and entry.ndim
            else repeat(entry, count)
            for entry in entries
        ]
        for parts in zip(*cut, strict=True):
            yield [[part] for part in parts]


def repeated(numbers: Tensors, like: Tensors) -> Tensors:
    """Each of ``numbers`` () as `pieces` wants it beside a tensor of ``like``.

    On a GPU it is repeated in the tensor's shape, so that one kernel takes all of them.
    """
    if like[0].device.type == "cpu":
        return numbers
    counts = [tensor.numel() for tensor in like]
    entries = torch.cat([number.expand(count) for number, count in zip(numbers, counts, strict=True)])
    return [part.view_as(tensor) for part, tensor in zip(entries.split(counts), like, strict=True)]
