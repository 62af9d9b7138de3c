"""A linear layer computes the same with either library, and changes nothing but who multiplies."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import nn

from benchmark.models import linear
from benchmark.models.linear import FasterLinear


def layer(bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(24, 40, bias=bias)


def made_faster(module: nn.Linear) -> nn.Linear:
    model = nn.Sequential(copy.deepcopy(module))
    linear.install(model)
    assert type(model[0]) is FasterLinear
    return model[0]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Every product counts as large; the shapes of those oneDNN has taken."""
    monkeypatch.setattr(linear, "LARGE", 0)
    taken: list[tuple[int, ...]] = []
    product = linear._by_onednn

    def watched(states: torch.Tensor, *rest: Any) -> torch.Tensor:
        taken.append(tuple(states.shape))
        return product(states, *rest)

    monkeypatch.setattr(linear, "_by_onednn", watched)
    return taken


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(7, 24), (1, 7, 24), (3, 5, 24)])
def test_results_and_gradients_are_those_of_pytorch(
    always: list[tuple[int, ...]], bias: bool, shape: tuple[int, ...]
) -> None:
    stock = layer(bias)
    faster = made_faster(stock)
    states = torch.randn(shape)
    found: list[list[torch.Tensor]] = []
    for module in (stock, faster):
        given = states.clone().requires_grad_()
        result = module(given)
        result.square().sum().backward()
        found.append([result, given.grad, *(p.grad for p in module.parameters())])  # type: ignore[list-item]
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-5)
    rows = shape[:-1]
    assert always == [shape, (*rows, 40), (40, math.prod(rows))]  # forward, to the states, to the weight


def test_frozen_weights_get_no_gradient(always: list[tuple[int, ...]]) -> None:
    faster = made_faster(layer()).requires_grad_(False)
    states = torch.randn(2, 24, requires_grad=True)
    faster(states).sum().backward()
    assert faster.weight.grad is None
    assert faster.bias.grad is None
    torch.testing.assert_close(states.grad, faster.weight.sum(0).expand(2, -1), rtol=1e-5, atol=1e-6)


def test_other_precisions_are_left_to_pytorch(always: list[tuple[int, ...]]) -> None:
    faster = made_faster(layer())
    with torch.autocast("cpu", torch.bfloat16):
        assert faster(torch.randn(2, 24)).dtype == torch.bfloat16
    assert faster.double()(torch.randn(2, 24, dtype=torch.float64)).dtype == torch.float64
    assert always == []


@pytest.mark.parametrize(
    ("inputs", "outputs", "rows", "worth"),
    [
        (24, 40, 2, False),
        (384, 384, 228, True),
        (384, 384, 227, False),
        (128, 512, 4096, True),
        (128, 512, 4095, False),
    ],
)
def test_products_are_worthwhile_from_a_size_on_that_is_less_for_wide_layers(
    inputs: int, outputs: int, rows: int, worth: bool
) -> None:
    assert made_faster(nn.Linear(inputs, outputs)).worthwhile(torch.empty(rows, inputs)) is worth


def test_small_products_are_left_to_pytorch() -> None:
    faster = made_faster(layer())
    states = torch.randn(2, 24)
    assert torch.equal(faster(states), nn.functional.linear(states, faster.weight, faster.bias))


def test_a_layer_of_somebody_elses_kind_stays_what_it_is() -> None:
    class Own(nn.Linear):
        pass

    model = nn.Sequential(Own(2, 2))
    linear.install(model)
    assert type(model[0]) is Own
