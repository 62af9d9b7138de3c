"""Rows of different lengths, stored one after the other in one tensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import torch


class Ragged(Sequence[torch.Tensor]):
    """Rows (length,) of ``numbers`` with these ``lengths``; a row is made only when it is read.

    A small run reads only a thousand rows of a set, and making all rows would take longer than much of its
    training.
    """

    def __init__(self, numbers: torch.Tensor, lengths: np.ndarray) -> None:
        self.numbers = numbers
        self.ends = [0, *np.cumsum(lengths).tolist()]

    def __len__(self) -> int:
        return len(self.ends) - 1

    @overload
    def __getitem__(self, index: int) -> torch.Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[torch.Tensor]: ...
    def __getitem__(self, index: int | slice) -> torch.Tensor | Sequence[torch.Tensor]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        row = range(len(self))[index]
        return self.numbers[self.ends[row] : self.ends[row + 1]]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self.numbers[begin:end] for begin, end in zip(self.ends, self.ends[1:], strict=False))
