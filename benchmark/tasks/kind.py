"""Tokenised examples of one split, and what can be done with them whatever their kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch

if TYPE_CHECKING:
    from benchmark.tasks.task import Measure


@dataclass(frozen=True)
class Examples:
    """Token ids, segment ids (or None) and targets, in file order.

    ``targets`` has an entry for every example: a class or value, or what its kind makes of one.
    ``counts_as`` says for every class which one an answer of it counts as, where that is another one.
    ``measure`` is how they are measured, where that is not the task's own way.
    """

    #: The fields that have an entry for every example.
    columns: ClassVar[tuple[str, ...]] = ("ids", "segments", "targets")

    ids: Sequence[torch.Tensor]
    segments: Sequence[torch.Tensor] | None
    targets: Any
    counts_as: np.ndarray | None = field(default=None, kw_only=True)
    measure: Measure | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def size(self) -> int:
        """How many examples the data set had, which may be more or fewer than the model's inputs."""
        return len(self)

    @property
    def labelled(self) -> bool:
        """False for the splits whose labels GLUE keeps to itself (-1 throughout)."""
        return bool((self.targets >= 0).all())

    @property
    def classes(self) -> Any:
        """The class of everything that has one, as an array or tensor."""
        return self.targets

    @property
    def remarks(self) -> Mapping[str, int]:
        """What a record should say of the data beside their number, counted."""
        return {}

    def items(self, indices: Sequence[int]) -> int:
        """How many items the examples at ``indices`` have, in whatever unit."""
        return len(indices)

    def taken(self, indices: np.ndarray) -> Self:
        """The training examples at ``indices`` (examples,)."""
        return replace(self, **{name: _taken(getattr(self, name), indices) for name in self.columns})

    def followed_by(self, others: Sequence[Self]) -> Self:
        """Training examples of several splits, one after the other."""
        parts = [self, *others]
        return replace(
            self, **{name: _joined([getattr(part, name) for part in parts]) for name in self.columns}
        )


def _taken(column: Any, indices: np.ndarray) -> Any:
    if column is None:
        return None
    return [column[i] for i in indices] if isinstance(column, list) else column[torch.from_numpy(indices)]


def _joined(columns: list[Any]) -> Any:
    if columns[0] is None:
        return None
    if isinstance(columns[0], list):
        return list(chain.from_iterable(columns))
    return torch.cat(columns)
