"""EMA evaluates the average that PyTorch's own class makes of the same weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from benchmark.methods.ema import EMA
from benchmark.step.update import Update
from helpers.averages import Averaging, check_average, check_evaluated
from helpers.refusals import check_refused


@pytest.mark.parametrize(
    ("method", "theirs"),
    [
        (EMA(decay=0.7, growing=False), Averaging(1, multi_avg_fn=get_ema_multi_avg_fn(0.7))),
        (EMA(decay=0.999), Averaging(1)),  # a window that is not full yet is the mean of all
    ],
    ids=["fixed", "growing"],
)
def test_the_average_is_that_of_pytorch(method: EMA, theirs: Averaging) -> None:
    check_average(method, theirs)


def test_a_window_that_is_full_forgets() -> None:
    assert [EMA(decay=0.75).share(number, 10) for number in (1, 2, 4, 5, 10)] == [1, 0.5, 0.25, 0.25, 0.25]


def test_the_average_is_evaluated_and_the_weights_are_trained() -> None:
    check_evaluated(EMA(decay=0.9))


def test_a_number_of_the_device_gives_the_same_mean() -> None:
    """On a GPU the share is a tensor, which a captured update reads."""

    class OnDevice(Update):
        def scheduled(self, value: Any) -> torch.Tensor:
            return torch.tensor(value(self.number, self.rate))

    ours, theirs = EMA(decay=0.6), EMA(decay=0.6)
    for kind, method in ((Update, ours), (OnDevice, theirs)):
        method.means = {}
        for number in range(1, 5):
            weights = [torch.full((3,), float(number**2))]
            method.after(kind(["w"], weights, [torch.zeros(3)], 0.1, number, 4))
    torch.testing.assert_close(ours.means, theirs.means)


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("ema.EMA", {"decay": 1.0}, "decay=1.0")
