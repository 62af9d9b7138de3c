"""One optimiser step in flight, and the hooks of methods inside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch

Tensors = list[torch.Tensor]


@dataclass
class Update:
    """One optimiser step in flight over one group, as methods see it; lists run over its tensors.

    ``gradients`` are clipped; ``directions`` (empty before the moments are known) are what a step of
    length 1 would subtract; ``rate`` is the scheduled learning rate of the group; ``number`` counts
    from 1 up to ``total``.
    """

    names: list[str]
    weights: Tensors
    gradients: Tensors
    rate: float
    number: int
    total: int
    directions: Tensors = field(default_factory=list)


class UpdateHooks(Protocol):
    """What acts inside an update; `benchmark.methods.base.Method` says what each hook is for."""

    def gradient(self, update: Update) -> None: ...
    def direction(self, update: Update) -> None: ...
    def before(self, update: Update) -> None: ...
    def moved(self, update: Update) -> None: ...
    def after(self, update: Update) -> None: ...
