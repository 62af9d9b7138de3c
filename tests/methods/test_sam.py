"""SAM and ASAM take the gradient where their equations say, on the same dropout, and put the weights back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from benchmark.errors import BenchmarkError
from benchmark.methods import Method, build, prepare
from benchmark.methods.sam import SAM
from benchmark.step.ascent import Ascent, moved
from benchmark.step.groups import ParameterGroup
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from helpers.refusals import check_refused
from helpers.tuning import finetune

CURVATURE = [torch.tensor([2.0, 0.5]), torch.tensor([4.0])]
START = [torch.tensor([1.0, -4.0]), torch.tensor([0.5])]  # gradients 2, -2 and 2


def taken(method: SAM) -> tuple[list[torch.Tensor], list[ParameterGroup]]:
    """The gradients of a quadratic of two tensors in two groups, as ``method`` has them taken."""
    weights = [nn.Parameter(start.clone()) for start in START]
    groups = [ParameterGroup(["a.weight"], weights[:1]), ParameterGroup(["a.bias"], weights[1:])]

    def learn() -> None:
        losses = [curvature * weight**2 / 2 for curvature, weight in zip(CURVATURE, weights, strict=True)]
        torch.cat(losses).sum().backward()

    learn()
    with moved(method, groups):
        learn()
    return [weight.grad for weight in weights if weight.grad is not None], groups


def test_the_gradient_is_that_of_rho_along_the_whole_gradient() -> None:
    gradients, groups = taken(SAM(rho=0.3))
    there = 0.3 * torch.tensor([2.0, -2.0, 2.0]) / 12**0.5
    expected = torch.cat(CURVATURE) * (torch.cat(START) + there)
    torch.testing.assert_close(torch.cat(gradients), expected)
    assert [torch.equal(group.parameters[0], start) for group, start in zip(groups, START, strict=True)]


def test_the_adaptive_step_is_as_large_as_the_weights_and_biases_have_none_of_it() -> None:
    gradients, _ = taken(SAM(rho=0.3, adaptive=True, eta=0.25))
    scales = torch.tensor([1.25, 4.25, 1.0])  # |w| + eta; 1 for the bias
    slope = torch.tensor([2.0, -2.0, 2.0])
    there = 0.3 * scales**2 * slope / (scales * slope).norm()
    torch.testing.assert_close(torch.cat(gradients), torch.cat(CURVATURE) * (torch.cat(START) + there))


def test_weights_come_back_with_their_bits() -> None:
    _, groups = taken(SAM(rho=1e3))
    for group, start in zip(groups, START, strict=True):
        assert torch.equal(group.parameters[0].detach(), start)


def losses(method: SAM | None) -> torch.Tensor:
    """The training losses of a short run with dropout."""
    methods = {} if method is None else {"sam": method}
    model, task = tiny_model(), small_task()
    prepare(methods, model, 1)
    return torch.from_numpy(finetune(model, task, methods, PROTOCOL, 1, CPU).losses)


def test_both_passes_have_the_same_dropout() -> None:
    """Else the gradient of the second would be another one, however near the weights are."""
    torch.testing.assert_close(losses(SAM(rho=1e-7)), losses(None), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(losses(SAM(rho=0.5)), losses(None), rtol=1e-4, atol=1e-5)


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("sam.SAM", {"rho": -0.1}, "rho=-0.1")
    check_refused("sam.SAM", {"eta": float("nan")}, "eta=nan")


@dataclass
class Uphill(Method):
    """Another method that moves the weights."""

    def climb(self, ascent: Ascent) -> None:
        """Go nowhere."""


def test_two_that_move_the_weights_are_refused() -> None:
    chosen = {"sam": {"_target_": "benchmark.methods.sam.SAM"}, "uphill": {"_target_": f"{__name__}.Uphill"}}
    with pytest.raises(BenchmarkError, match="both move the weights before the gradient is taken"):
        build(chosen)
