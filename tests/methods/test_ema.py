"""EMA and SWA evaluate the averages that PyTorch's own classes make of the same weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmark.config.schema import ProtocolConfig, TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods import prepare
from benchmark.methods.ema import EMA
from benchmark.methods.swa import SWA
from benchmark.step.update import Update
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from benchmark.training.assemble import Training
from benchmark.training.onlooker import Onlooker
from helpers.refusals import check_refused
from helpers.tuning import finetune

STEADY = replace(PROTOCOL, schedule="constant", learning_rate=0.01, epochs=None, steps=8)
UPDATES = 8


class Averaging(Onlooker):
    """Feeds a model of PyTorch's with the weights after every update from number ``first`` on."""

    def __init__(self, first: int, **how: Any) -> None:
        self.first, self.how, self.averaged = first, how, None

    def attach(self, training: Training) -> None:
        self.model = training.model

    def updated(self, done: int) -> None:
        if done >= self.first:
            self.averaged = self.averaged or AveragedModel(self.model, **self.how)
            self.averaged.update_parameters(self.model)


def averages(method: Any, theirs: Averaging, protocol: ProtocolConfig = STEADY) -> tuple[Any, Any]:
    """The means that ``method`` keeps, and PyTorch's, by name."""
    model = tiny_model()
    prepare({"it": method}, model, 1)
    outcome = finetune(model, small_task(), {"it": method}, protocol, 1, CPU, watch=theirs)
    assert len(outcome.losses) == UPDATES
    assert theirs.averaged is not None
    return method.means, {
        name: value.detach()
        for name, value in theirs.averaged.module.named_parameters()
        if value.requires_grad
    }


@pytest.mark.parametrize(
    ("method", "theirs"),
    [
        (EMA(decay=0.7, growing=False), Averaging(1, multi_avg_fn=get_ema_multi_avg_fn(0.7))),
        (EMA(decay=0.999), Averaging(1)),  # a window that is not full yet is the mean of all
        (SWA(part=1.0), Averaging(1)),
        (SWA(part=0.5), Averaging(5)),
        (SWA(part=0.25), Averaging(7)),
    ],
    ids=["ema", "ema_growing", "swa", "swa_half", "swa_quarter"],
)
def test_the_average_is_that_of_pytorch(method: Any, theirs: Averaging) -> None:
    ours, expected = averages(method, theirs)
    assert ours.keys() == expected.keys()
    for name, mean in ours.items():
        torch.testing.assert_close(mean, expected[name], rtol=1e-5, atol=1e-7, msg=name)


def test_a_window_that_is_full_forgets() -> None:
    assert [EMA(decay=0.75).share(number, 10) for number in (1, 2, 4, 5, 10)] == [1, 0.5, 0.25, 0.25, 0.25]


@pytest.mark.parametrize("method", [EMA(decay=0.9), SWA(part=0.5)], ids=repr)
def test_the_average_is_evaluated_and_the_weights_are_trained(method: Any) -> None:
    model, task = tiny_model(), small_task()
    prepare({"it": method}, model, 1)
    outcome = finetune(model, task, {"it": method}, STEADY, 1, CPU)
    plain = finetune(trained := tiny_model(), task, {}, STEADY, 1, CPU)
    assert (outcome.losses == plain.losses).all()
    for weight, expected in zip(model.parameters(), trained.parameters(), strict=True):
        assert torch.equal(weight, expected)
    [(name, outputs)] = outcome.outputs.items()
    assert (outputs[-1] != plain.outputs[name][-1]).any()
    examples = task.evaluation[name]
    with method.evaluated(model), torch.no_grad():
        logits = model.eval()(**task.batch(examples, range(len(examples)))).logits
    torch.testing.assert_close(torch.from_numpy(outputs[-1]), logits, rtol=1e-4, atol=1e-5)


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
    check_refused("swa.SWA", {"part": 1.5}, "part=1.5")


def test_a_mean_under_a_rate_that_ends_at_zero_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"protocol\.schedule=linear: the rate ends at 0"):
        SWA().check(PROTOCOL, TaskConfig())
    SWA().check(STEADY, TaskConfig())
    SWA(part=0.0).check(PROTOCOL, TaskConfig())
