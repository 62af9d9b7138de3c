"""Groups of parameters: each has one weight decay and one factor on the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from benchmark.step.update import Scheduled, Tensors


@dataclass
class ParameterGroup:
    """Parameters with one weight decay and one factor on the rate, and their moments.

    ``restarts`` are the updates, from 1, before which the optimiser's state of these parameters is reset.
    """

    names: list[str]
    parameters: list[nn.Parameter]
    weight_decay: float = 0.0
    rate_factor: float = 1.0
    restarts: tuple[int, ...] = ()
    first: Tensors = field(default_factory=list)
    second: Tensors = field(default_factory=list)
    directions: Tensors = field(default_factory=list)

    def begin(self, moments: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Make the ``moments`` of every parameter."""
        made = [moments(parameter.detach()) for parameter in self.parameters]
        self.first, self.second = [first for first, _ in made], [second for _, second in made]

    def forget(self) -> None:
        """Set all moments to 0."""
        torch._foreach_zero_(self.first + self.second)

    def shrink(self, number: int, rate: float) -> float:
        """The factor of decoupled decay on the weights, at a ``rate``."""
        return 1 - rate * self.weight_decay


def parameter_groups(
    model: nn.Module,
    weight_decay: float,
    rate_factor: Callable[[str], float] = lambda name: 1.0,
    restarts: Callable[[str], tuple[int, ...]] = lambda name: (),
) -> list[ParameterGroup]:
    """Group the trainable parameters of ``model`` by decay, factor on the rate and restarts.

    Matrices decay, vectors do not. Biases and normalisation weights are recognised by their shape, because
    names differ between architectures (``LayerNorm.weight`` matches neither XLNet's ``layer_norm`` nor an
    older ``gamma``). XLNet's attention biases are matrices; their names end in ``bias``, like all others.
    """
    groups: dict[tuple[float, float, tuple[int, ...]], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim >= 2 and not name.endswith("bias")
            key = weight_decay if decays else 0.0, rate_factor(name), restarts(name)
            groups.setdefault(key, []).append((name, parameter))
    return [
        ParameterGroup([name for name, _ in named], [p for _, p in named], *key)
        for key, named in groups.items()
    ]


def since(number: int, restarts: tuple[int, ...]) -> int:
    """The number of an update, counted from the last restart.

    ``number`` and ``restarts`` count from 1; the update at a restart is again update 1.
    """
    return number - max((first for first in restarts if first <= number), default=1) + 1


@dataclass(frozen=True)
class Numbered:
    """A number of an update in the form of `Update.scheduled`.

    Updates are numbered from the last restart.
    """

    value: Scheduled
    restarts: tuple[int, ...]

    def __call__(self, number: int, rate: float) -> float:
        return self.value(since(number, self.restarts), rate)
