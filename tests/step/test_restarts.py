"""After a restart the optimiser is a new one for the parameters of the group, and goes on for the others."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.step.adam import VARIANTS
from benchmark.step.groups import ParameterGroup, parameter_groups, since
from benchmark.step.optimizer import Optimizer

GRADIENTS = torch.randn(7, 5, 3, generator=torch.Generator().manual_seed(0))
START = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))


def rate(number: int) -> float:
    return 0.01 * number


@pytest.mark.parametrize("staged", [True, False], ids=["staged", "fused"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_restart_is_a_new_optimiser_at_the_rate_of_the_run(variant: str, staged: bool) -> None:
    def optimizer(weight: nn.Parameter, first: int = 1, restarts: tuple[int, ...] = ()) -> Optimizer:
        group = ParameterGroup(["w"], [weight], 0.1, restarts=restarts)
        return Optimizer(
            [group], variant, (0.8, 0.95), 1e-3, lambda number: rate(number + first - 1), staged=staged
        )

    def step(one: Optimizer, weight: nn.Parameter, number: int) -> None:
        weight.grad = GRADIENTS[number - 1].clone()
        one.step()

    ours, theirs = nn.Parameter(START.clone()), nn.Parameter(START.clone())
    restarted = optimizer(ours, restarts=(3, 6))
    for first, last in ((1, 3), (3, 6), (6, 8)):
        new = optimizer(theirs, first)
        for number in range(first, last):
            step(restarted, ours, number)
            step(new, theirs, number)
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_updates_are_numbered_from_the_last_restart() -> None:
    assert [since(number, (3, 6)) for number in range(1, 9)] == [1, 2, 1, 2, 3, 1, 2, 3]
    assert since(5, ()) == 5


def test_parameters_of_other_restarts_are_groups_of_their_own() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    groups = parameter_groups(model, 0.0, restarts=lambda name: (4,) if name.startswith("1") else ())
    assert [(group.names, group.restarts) for group in groups] == [
        (["0.weight", "0.bias"], ()),
        (["1.weight", "1.bias"], (4,)),
    ]
