"""An optimiser, of the Adam family or another, whose update has named stages.

If no method acts between the stages, PyTorch's fused kernel takes an Adam step, with numbers chosen so that
it computes the same. Otherwise the stages are taken one after the other, in pieces small enough to stay in a
processor's cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from benchmark.step.adam import VARIANTS
from benchmark.step.groups import Numbered, ParameterGroup, since
from benchmark.step.update import Rates, Schedules, Tensors, Update, UpdateHooks, subtract
from benchmark.step.variant import Part

PIECE = 1 << 16  # entries that fit a processor's cache while a direction is computed


class Optimizer:
    """One of ``VARIANTS`` over groups of parameters; gradients are read from ``.grad``.

    ``rates`` are those of updates 1 to ``total``. ``staged``: a method acts between the stages, at
    ``direction``, ``before`` or ``moved``. On a GPU all numbers that change between updates are on the
    device, so that an update can be captured.
    """

    def __init__(
        self,
        groups: Iterable[ParameterGroup],
        variant: str,
        betas: tuple[float, float],
        epsilon: float,
        rates: Rates,
        methods: Sequence[UpdateHooks] = (),
        total: int = 0,
        staged: bool = True,
    ):
        self.methods = methods
        self.total = total
        self.groups = [group for group in groups if group.parameters]
        self.variant = VARIANTS[variant]
        self.betas = betas
        self.epsilon = epsilon
        self.rates = rates
        self.steps = 0
        self.staged = staged or not self.variant.fusable
        for group in self.groups:
            group.begin(self.variant.moments)
        device = next((p.device for group in self.groups for p in group.parameters), torch.device("cpu"))
        self.schedules = None if device.type == "cpu" else Schedules(total, device)

    @torch.no_grad()
    def step(self) -> None:
        """Update all parameters once and clear the gradients."""
        self.steps += 1
        if self.schedules is not None:
            self.schedules.number += 1
        updates = [self._begun(group) for group in self.groups]
        for method in self.methods:
            for update in updates:
                method.gradient(update)
        for method in self.methods:
            for update in updates:
                method.measure(update)
        for group, update in zip(self.groups, updates, strict=True):
            self._finish(group, update)

    def state(self) -> dict[str, Any]:
        """The number of steps taken, and the moments by parameter name; tensors are not copied."""
        first = {n: t for group in self.groups for n, t in zip(group.names, group.first, strict=True)}
        second = {n: t for group in self.groups for n, t in zip(group.names, group.second, strict=True)}
        return {"steps": self.steps, "first": first, "second": second}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Put ``state`` back.

        Raises: KeyError or RuntimeError if it belongs to other parameters.
        """
        self.steps = state["steps"]
        if self.schedules is not None:
            self.schedules.number.fill_(self.steps)
        for group in self.groups:
            for i, name in enumerate(group.names):
                group.first[i].copy_(state["first"][name])
                group.second[i].copy_(state["second"][name])

    def _begun(self, group: ParameterGroup) -> Update:
        """The update of ``group``, of which nothing is done yet."""
        if self.steps in group.restarts:
            group.forget()
        weights: Tensors = list(group.parameters)
        gradients = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            for parameter in group.parameters
        ]

        def rates(number: int) -> float:
            return self.rates(number) * group.rate_factor

        return Update(
            group.names,
            weights,
            gradients,
            rates(self.steps),
            self.steps,
            self.total,
            rates=rates,
            schedules=self.schedules,
        )

    def _finish(self, group: ParameterGroup, update: Update) -> None:
        """Move the weights of ``group``, and clear its gradients."""
        if self.staged:
            self._step_in_stages(group, update)
        elif self.schedules is None:
            self._step_fused(group, update)
        else:
            self._step_fused_by_schedules(group, update)
        for method in self.methods:
            method.after(update)
        for parameter in group.parameters:
            parameter.grad = None

    def _step_in_stages(self, group: ParameterGroup, update: Update) -> None:
        weights, decays = update.weights, bool(group.weight_decay)
        update.directions = self._directions(group, update)
        if self.variant.decay == "inside" and decays:
            torch._foreach_add_(update.directions, weights, alpha=group.weight_decay)
        for method in self.methods:
            method.direction(update)
        for method in self.methods:
            method.before(update)
        if self.variant.decay == "before" and decays:
            torch._foreach_mul_(weights, update.scheduled(group.shrink))
        subtract(weights, update.directions, update.scheduled(self._step_size(group)))
        for method in self.methods:
            method.moved(update)
        if self.variant.decay == "after" and decays:
            torch._foreach_mul_(weights, update.scheduled(group.shrink))

    def _directions(self, group: ParameterGroup, update: Update) -> Tensors:
        """Update the moments; return the change of the weights by a step of length 1."""
        weights = update.weights
        group.directions = group.directions or [torch.empty_like(weight) for weight in weights]
        correction = update.scheduled(Numbered(self._correction, group.restarts))
        lists = group.first, group.second, update.gradients, group.directions
        for first, second, gradients, directions in [lists] if self.variant.whole else pieces(*lists):
            self.variant.direct(
                Part(first, second, gradients, directions, self.betas, self.epsilon, correction, weights)
            )
        return group.directions

    def _step_size(self, group: ParameterGroup) -> Numbered:
        return Numbered(self._length, group.restarts)

    def _length(self, number: int, rate: float) -> float:
        return self.variant.step_size(rate, self.betas, number)

    def _correction(self, number: int, rate: float) -> float:
        return self.variant.correction(self.betas, number)

    def _step_fused(self, group: ParameterGroup, update: Update) -> None:
        """Take the variant's step by PyTorch's kernel.

        Epsilon and the number of steps are chosen so that both give the same.
        """
        assert self.variant.fused is not None
        epsilon, t = self.variant.fused(self.betas, self.epsilon, since(self.steps, group.restarts))
        rate, decay = update.rate, group.weight_decay
        if self.variant.decay == "after":  # (w - s)(1 - rate d) = w (1 - rate d) - s (1 - rate d)
            shrink = 1 - rate * decay
            rate, decay = rate * shrink, decay / shrink
        self._fused(group, update, rate, epsilon, decay, torch.full((), t, dtype=torch.float32))

    def _step_fused_by_schedules(self, group: ParameterGroup, update: Update) -> None:
        """Take the variant's step by PyTorch's kernel, with a constant epsilon.

        The kernel corrects no bias; the length of the step does.
        """
        after = self.variant.decay == "after"
        length, steps = update.scheduled(self._step_size(group)), update.scheduled(_never)
        if self.variant.corrects_root:
            length, steps = update.scheduled(_rate), update.scheduled(Numbered(_number, group.restarts))
        self._fused(group, update, length, self.epsilon, 0.0 if after else group.weight_decay, steps)
        if after and group.weight_decay:
            torch._foreach_mul_(update.weights, update.scheduled(group.shrink))

    def _fused(
        self, group: ParameterGroup, update: Update, length: Any, epsilon: float, decay: float, steps: Any
    ) -> None:
        torch._fused_adamw_(
            update.weights,
            update.gradients,
            group.first,
            group.second,
            [],
            [steps] * len(group.first),
            lr=length,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=decay,
            eps=epsilon,
            amsgrad=False,
            maximize=False,
        )


def _never(number: int, rate: float) -> float:
    """The number of steps after which both bias corrections are 1."""
    return math.inf


def _number(number: int, rate: float) -> float:
    return float(number)


def _rate(number: int, rate: float) -> float:
    return rate


def pieces(*lists: Tensors) -> Iterator[list[Tensors]]:
    """Split the tensors of all lists in the same way, into lists of one piece.

    On a GPU they stay whole.
    """
    if lists[0][0].device.type != "cpu":
        yield list(lists)
        return
    for tensors in zip(*lists, strict=True):
        if all(tensor.is_contiguous() for tensor in tensors):
            for parts in zip(*(tensor.view(-1).split(PIECE) for tensor in tensors), strict=True):
                yield [[part] for part in parts]
        else:
            yield [[tensor] for tensor in tensors]
