"""The quadratic problem of the optimisers' reference values, and plain descent for hand-worked updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from benchmark.methods import Method
from benchmark.step.adam import VARIANTS, adam
from benchmark.step.groups import ParameterGroup
from benchmark.step.optimizer import Optimizer
from benchmark.step.schedule import rate_at
from benchmark.step.variant import Variant
from helpers.toys import Tensors, ready
from helpers.vectors import Case

#: The arrays of the second moments, by the optimiser's family.
SECOND = ("exp_avg_sq", "exp_inf", "second")


def by_tensor(case: Case, key: str, default: Any = None) -> list[Any]:
    """A value of the case's groups, by tensor."""
    values = {i: group.get(key, default) for group in case.hyper["groups"] for i in group["idx"]}
    return [values[i] for i in sorted(values)]


def betas_of(case: Case) -> tuple[float, float]:
    hyper = case.hyper
    return tuple(hyper["betas"]) if "betas" in hyper else (hyper["b1"], hyper["b2"])  # type: ignore[return-value]


def rates_of(case: Case) -> Callable[[int], float]:
    """The learning rate of update t = 0, 1, …: as stored, by the schedule that the case names, or constant."""
    peak, warmup = case.hyper["lr"], case.hyper.get("warmup")
    schedule = case.choose(
        "schedule", {None: "constant", "warmup_linear": "linear_from_start", "warmup_constant": "constant"}
    )
    if "lr_per_step" in case:
        return lambda t: float(case["lr_per_step"][t])
    if case.hyper.get("t_total", -1) <= 0:
        return lambda t: peak
    total = case.hyper["t_total"]
    return lambda t: rate_at(t, total, peak, schedule, warmup)


def whole_update_decays(case: Case) -> None:
    """Skip a case that decays by the peak rate whatever its schedule."""
    if case.hyper.get("t_total", -1) > 0 and any(by_tensor(case, "weight_decay")):
        case.skip("weight decay that does not follow the schedule is not offered")


class Problem:
    """Gradients ``a * (theta - c) + b[t]`` of the tensors of a case, at our own weights.

    ``inside`` says of every tensor whether it belongs to the encoder's layer, ``anchor`` which arrays the model
    holds while methods are made ready.
    """

    def __init__(self, case: Case, inside: list[bool], anchor: str = "theta0") -> None:
        self.case, self.count = case, case.count("theta0")
        self.dtype = getattr(torch, case.hyper.get("dtype", "torch.float64").removeprefix("torch."))
        assert self.count == len(inside), f"{case.label}: {self.count} tensors theta0_*, not {len(inside)}"
        tensors = [case.tensor(f"{anchor}_{i}").to(self.dtype) for i in range(self.count)]
        self.names = [("base.layers.0." if inside[i] else "head.") + f"theta_{i}" for i in range(self.count)]
        split = [
            {f"theta_{i}": t for i, t in enumerate(tensors) if inside[i] == side} for side in (True, False)
        ]
        self.model = Tensors(*split)

    def weight(self, i: int) -> nn.Parameter:
        return self.model.get_parameter(self.names[i])

    def run(
        self,
        methods: list[Method],
        variant: str,
        decays: list[float],
        betas: tuple[float, float],
        epsilon: float,
        before: Callable[[int, list[int]], None] = lambda t, order: None,
        after: Callable[[int], None] = lambda t: None,
        clip: float = 0.0,
        staged: bool = True,
    ) -> None:
        """Compare gradients, weights and final moments; ``order`` is that of the draws.

        Tensors of one decay share a group, as they do in a run. ``clip`` bounds each tensor's gradient by itself.
        """
        case, steps, rate = self.case, self.case.hyper["steps"], rates_of(self.case)
        assert len(decays) == self.count, f"{case.label}: {len(decays)} weight decays of {self.count} tensors"
        with torch.no_grad():
            for i in range(self.count):
                self.weight(i).copy_(case.tensor(f"theta0_{i}"))
        members = {decay: [i for i in range(self.count) if decays[i] == decay] for decay in decays}
        groups = [
            ParameterGroup([self.names[i] for i in group], [self.weight(i) for i in group], decay)
            for decay, group in members.items()
        ]
        optimizer = Optimizer(
            groups, variant, betas, epsilon, lambda t: rate(t - 1), methods, steps, staged=staged
        )
        for t in range(steps):
            for i in range(self.count):
                # At our own weights: a wrong step would not be corrected by the next.
                a, b, c = (case.tensor(f"{x}_{i}").to(self.dtype) for x in "abc")
                gradient = a * (self.weight(i).detach() - c) + b[t]
                case.close(gradient, f"grads_{i}", t)
                if clip:
                    gradient *= min(1.0, clip / (gradient.norm().item() + 1e-6))
                self.weight(i).grad = gradient
            before(t, [i for group in members.values() for i in group])
            optimizer.step()
            after(t)
            for i in range(self.count):
                case.close(self.weight(i), f"thetas_{i}", t + 1)
        if staged:  # PyTorch's fused kernel keeps its moments otherwise
            self.compare_moments(members, groups)

    def compare_moments(self, members: dict[float, list[int]], groups: list[ParameterGroup]) -> None:
        for decay, group in zip(members, groups, strict=True):
            for place, i in enumerate(members[decay]):
                for keys, moments in ((("exp_avg",), group.first), (SECOND, group.second)):
                    for key in keys:
                        if f"{key}_{i}" in self.case:
                            self.case.close(moments[place], f"{key}_{i}")


# Plain gradient descent, which the project has no use for: with betas 0 the direction is the gradient.
SGD = Variant(
    adam(
        lambda second, gradients, beta, epsilon: None,
        lambda second, epsilon, correction: [torch.ones_like(one) for one in second],
    ),
    lambda rate, betas, t: rate,
    "after",
)

# By hand, on a weight of two by two.
START = torch.tensor([[1.0, -2.0], [0.5, 4.0]])
SLOPE = torch.tensor([[0.2, 0.1], [0.0, -0.05]])


def descended(
    method: Method, anchor: torch.Tensor = START, rate: float = 0.1, head: bool = False, steps: int = 1
) -> torch.Tensor:
    """The weight START after ``steps`` of plain descent along SLOPE, in the encoder's layer or the head."""
    model = Tensors({}, {"w": anchor}) if head else Tensors({"w": anchor}, {})
    ready(method, model)
    [(name, weight)] = model.named_parameters()
    with torch.no_grad():
        weight.copy_(START)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(VARIANTS, "sgd", SGD)
        optimizer = Optimizer(
            [ParameterGroup([name], [weight])], "sgd", (0.0, 0.0), 0.0, lambda _: rate, [method], 10
        )
        for _ in range(steps):
            weight.grad = SLOPE.clone()
            optimizer.step()
    return weight.detach()
