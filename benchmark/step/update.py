"""One update in progress, and the hooks of methods inside it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import torch

Tensors = list[torch.Tensor]
Number = float | torch.Tensor
Rates = Callable[[int], float]  # the learning rate of update 1, 2, …
Scheduled = Callable[[int, float], float]  # (number of the update, its rate) -> the number needed in it


@dataclass
class Update:
    """One update in progress, over one group of parameters.

    Lists run over its tensors. ``gradients`` are clipped. ``directions`` (empty before the moments are
    updated) are the change of the weights by a step of length 1, to be subtracted. ``rate`` is the scheduled
    learning rate of the group. ``number`` counts from 1 up to ``total``. Numbers that change between updates
    come from `scheduled`: a captured update reads a tensor, and would repeat a plain number for ever.
    """

    names: list[str]
    weights: Tensors
    gradients: Tensors
    rate: float
    number: int
    total: int
    directions: Tensors = field(default_factory=list)
    rates: Rates | None = None
    schedules: Schedules | None = None

    def scheduled(self, value: Scheduled) -> Number:
        """``value(number, rate)`` of this update.

        A float, or a tensor () on devices whose updates can be captured.
        """
        rates = self.rates
        if self.schedules is None or rates is None:
            return value(self.number, self.rate)
        return self.schedules.now((self.names[0], value), lambda number: value(number, rates(number)))

    def whole_run(self, value: Scheduled) -> Iterator[float]:
        """``value(number, rate)`` of every update from the first to the last."""
        rates = self.rates or (lambda _: self.rate)
        return (value(number, rates(number)) for number in range(1, self.total + 1))


class Schedules:
    """Numbers of updates 1 to ``total``, on a device that captures updates.

    The device itself counts the updates: the host need not send anything before one.
    """

    def __init__(self, total: int, device: torch.device) -> None:
        self.total = total
        self.number = torch.zeros(1, dtype=torch.int64, device=device)
        self.values: dict[Hashable, torch.Tensor] = {}

    def now(self, name: Hashable, value: Callable[[int], float]) -> torch.Tensor:
        """The number () called ``name`` of this update, float32.

        ``value`` maps the number of any update to it.
        """
        if name not in self.values:
            values = [0.0, *map(value, range(1, self.total + 1))]
            self.values[name] = torch.tensor(values, dtype=torch.float32).to(self.number.device)
        return self.values[name].index_select(0, self.number).squeeze(0)


class UpdateHooks(Protocol):
    """The hooks inside an update, explained in `benchmark.methods.base`."""

    def gradient(self, update: Update) -> None: ...
    def measure(self, update: Update) -> None: ...
    def direction(self, update: Update) -> None: ...
    def before(self, update: Update) -> None: ...
    def moved(self, update: Update) -> None: ...
    def after(self, update: Update) -> None: ...


def subtract(weights: Tensors, directions: Tensors, length: Number) -> None:
    """weights -= length * directions, in place."""
    if isinstance(length, torch.Tensor):
        torch._foreach_sub_(weights, torch._foreach_mul(directions, length))
    else:
        torch._foreach_add_(weights, directions, alpha=-length)
