"""The hooks inside an update are called for all groups before a weight of any group moves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.methods import Method
from benchmark.step.groups import parameter_groups
from benchmark.step.optimizer import Optimizer
from benchmark.step.update import Update


class Watching(Method):
    """The calls of its hooks, and the weights at each."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.start = model, [weight.detach().clone() for weight in model.parameters()]
        self.calls: list[tuple[str, bool]] = []

    def note(self, hook: str) -> None:
        now = [weight.detach() for weight in self.model.parameters()]
        still = all(torch.equal(one, other) for one, other in zip(now, self.start, strict=True))
        self.calls.append((hook, still))

    def gradient(self, update: Update) -> None:
        self.note("gradient")

    def measure(self, update: Update) -> None:
        self.note("measure")

    def after(self, update: Update) -> None:
        self.note("after")


@pytest.mark.parametrize("staged", [True, False])
def test_gradients_of_all_groups_are_final_where_one_is_measured_and_no_weight_has_moved(
    staged: bool,
) -> None:
    model = nn.Linear(3, 2)
    method, groups = Watching(model), parameter_groups(model, 0.1)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    Optimizer(groups, "adamw", (0.9, 0.999), 1e-8, lambda _: 0.1, [method], 1, staged=staged).step()
    assert len(groups) == 2
    assert method.calls == [("gradient", True)] * 2 + [("measure", True)] * 2 + [("after", False)] * 2
