"""Flooding turns the gradient of a batch round below its level."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmark.config.schema import TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods.flooding import Flooding
from benchmark.step.passes import total_loss
from benchmark.testing.fixtures import PROTOCOL
from helpers.refusals import check_refused
from helpers.small_models import check_active_training, check_neutral_training
from helpers.toys import logits_step


@pytest.mark.parametrize(("level", "sign"), [(0.3, 1), (0.9, -1)])
def test_the_loss_and_its_gradient_by_hand(level: float, sign: int) -> None:
    """Two classes of equal logits: the cross-entropy is log 2, about 0.69."""
    logits = torch.zeros(2, 2, requires_grad=True)
    loss = total_loss(logits_step([logits], torch.tensor([0, 1])), [Flooding(level=level)])
    assert loss.item() == pytest.approx(abs(0.693147 - level) + level, abs=1e-5)
    loss.backward()
    torch.testing.assert_close(logits.grad, sign * torch.tensor([[-0.25, 0.25], [0.25, -0.25]]))


def test_parts_of_a_batch_are_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"protocol\.micro_batch_size=2 of 4: flooding needs the loss"):
        Flooding().check(replace(PROTOCOL, micro_batch_size=2), TaskConfig())
    for size in (None, 4, 8):
        Flooding().check(replace(PROTOCOL, micro_batch_size=size), TaskConfig())
    Flooding(level=0.0).check(replace(PROTOCOL, micro_batch_size=2), TaskConfig())


def test_level_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(Flooding(level=0.0))


def test_it_changes_training() -> None:
    check_active_training(Flooding(level=0.75))


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("flooding.Flooding", {"level": -0.1}, "level=-0.1")
