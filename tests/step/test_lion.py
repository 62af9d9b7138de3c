"""Lion's step is the sign of a mean, by hand, and its moments have a decay of their own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.step.groups import ParameterGroup
from benchmark.step.optimizer import Optimizer

GRADIENTS = [[0.4, -1.0, 0.0, 3.0], [-0.32, 0.5, 0.0, -9.0], [0.1, 0.2, -0.3, 0.0]]
BETAS = (0.7, 0.6)  # an entry moves by 0.7 m + 0.3 g, and m becomes 0.6 m + 0.4 g


def stepped(gradients: list[list[float]], decay: float = 0.0) -> tuple[list[torch.Tensor], ParameterGroup]:
    """The weights 1, -2, 3, 0 after every one of the steps, at rates 0.1, 0.2, …"""
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 3.0, 0.0]))
    group = ParameterGroup(["w"], [weight], decay)
    optimizer, after = Optimizer([group], "lion", BETAS, 1e-8, lambda number: 0.1 * number), []
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        optimizer.step()
        after.append(weight.detach().clone())
    return after, group


def test_three_steps_are_those_by_hand() -> None:
    after, group = stepped(GRADIENTS)
    # m: .16, -.4, 0, 1.2;  then -.032, -.04, 0, -2.88;  then .0208, .056, -.12, -1.728
    # means of the signs: g;  .016, -.13, 0, -1.86;  .0076, .032, -.09, -2.016; of the first, 0.6 would make another sign
    torch.testing.assert_close(after[0], torch.tensor([0.9, -1.9, 3.0, -0.1]))
    torch.testing.assert_close(after[1], torch.tensor([0.7, -1.7, 3.0, 0.1]))
    torch.testing.assert_close(after[2], torch.tensor([0.4, -2.0, 3.3, 0.4]))
    torch.testing.assert_close(group.first[0], torch.tensor([0.0208, 0.056, -0.12, -1.728]))


def test_weights_decay_by_the_rate_beside_the_sign() -> None:
    [first, second], _ = stepped(GRADIENTS[:2], decay=0.5)
    torch.testing.assert_close(
        first, torch.tensor([1.0, -2.0, 3.0, 0.0]) * 0.95 - 0.1 * torch.tensor(GRADIENTS[0]).sign()
    )
    torch.testing.assert_close(second, first * 0.9 - 0.2 * torch.tensor([1.0, -1.0, 0.0, -1.0]))


def test_where_a_gradient_is_always_masked_nothing_moves() -> None:
    after, _ = stepped(GRADIENTS[:2])
    assert after[1][2] == 3.0


def test_it_keeps_one_moment() -> None:
    _, group = stepped(GRADIENTS[:1])
    assert [moment.numel() for moment in (*group.first, *group.second)] == [4, 0]


@pytest.mark.parametrize("steps", [1, 2])
def test_a_saved_state_continues_to_the_same_weights(steps: int) -> None:
    straight, _ = stepped(GRADIENTS)
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 3.0, 0.0]))
    first = Optimizer([ParameterGroup(["w"], [weight])], "lion", BETAS, 1e-8, lambda number: 0.1 * number)
    for gradient in GRADIENTS[:steps]:
        weight.grad = torch.tensor(gradient)
        first.step()
    state = first.state()
    other = Optimizer([ParameterGroup(["w"], [weight])], "lion", BETAS, 1e-8, lambda number: 0.1 * number)
    other.restore(state)
    for gradient in GRADIENTS[steps:]:
        weight.grad = torch.tensor(gradient)
        other.step()
    assert torch.equal(weight.detach(), straight[-1])
