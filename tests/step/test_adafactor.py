"""Adafactor takes PyTorch's steps, on tensors of every shape that an encoder has."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.step.adafactor import LEAST, LEAST_WEIGHT
from benchmark.step.groups import ParameterGroup
from benchmark.step.optimizer import Optimizer

SHAPES = [(6, 5), (4,), (3, 2, 4), (1, 7)]  # XLNet's attention has three dimensions
RATES = [0.02, 0.05, 0.9, 0.7, 0.03]  # the third and fourth are above 1 / sqrt(t)


def gradients(size: float) -> list[list[torch.Tensor]]:
    """The gradients of every step, of which one is large and one row is 0."""
    rng = torch.Generator().manual_seed(1)
    made = [[size * torch.randn(shape, generator=rng) for shape in SHAPES] for _ in RATES]
    made[3] = [30 * gradient for gradient in made[3]]
    for step in made:
        step[0][2] = 0.0
    return made


def start() -> list[nn.Parameter]:
    rng = torch.Generator().manual_seed(0)
    scales = [0.3, 2.0, 1e-5, 0.05]  # one below the least
    return [
        nn.Parameter(scale * torch.randn(shape, generator=rng))
        for scale, shape in zip(scales, SHAPES, strict=True)
    ]


@pytest.mark.parametrize("decay", [0.0, 0.4])
@pytest.mark.parametrize("size", [1.0, 1e-6], ids=["large", "small"])
def test_its_steps_are_those_of_pytorch(decay: float, size: float) -> None:
    ours, theirs = start(), start()
    group = ParameterGroup([str(number) for number in range(len(ours))], ours, decay)
    optimizer = Optimizer([group], "adafactor", (0.9, 0.999), 1e-8, lambda number: RATES[number - 1])
    reference = torch.optim.Adafactor(theirs, weight_decay=decay, eps=(LEAST, LEAST_WEIGHT))
    for rate, step in zip(RATES, gradients(size), strict=True):
        for one, other, gradient in zip(ours, theirs, step, strict=True):
            one.grad, other.grad = gradient.clone(), gradient.clone()
        reference.param_groups[0]["lr"] = rate
        reference.step()
        optimizer.step()
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)


def test_a_masked_gradient_moves_nothing_there_and_the_rest_of_its_row_further() -> None:
    moved = []
    for masked in (False, True):
        weight = nn.Parameter(torch.ones(2, 3))
        weight.grad = torch.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 1.0]])
        weight.grad[0, 0] *= not masked
        Optimizer([ParameterGroup(["w"], [weight])], "adafactor", (0.9, 0.999), 1e-8, lambda _: 0.01).step()
        moved.append(1 - weight.detach())
    assert moved[1][0, 0] == 0
    assert moved[1][0, 1] > moved[0][0, 1]


def test_a_matrix_keeps_rows_and_columns_and_a_vector_itself() -> None:
    weights = start()
    group = ParameterGroup([str(number) for number in range(len(weights))], weights)
    Optimizer([group], "adafactor", (0.9, 0.999), 1e-8, lambda _: 0.01)
    assert [tuple(moment.shape) for moment in group.first] == [(6, 1), (4,), (3, 2, 1), (1, 1)]
    assert [tuple(moment.shape) for moment in group.second] == [(1, 5), (0,), (3, 1, 4), (1, 7)]
