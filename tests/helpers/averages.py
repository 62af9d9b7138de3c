"""Averages of weights beside those that PyTorch's own classes make of the same weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from benchmark.methods import prepare
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from benchmark.training.assemble import Training
from benchmark.training.onlooker import Onlooker
from helpers.tuning import finetune

STEADY = replace(PROTOCOL, schedule="constant", learning_rate=0.01, epochs=None, steps=8)
UPDATES = 8


class Averaging(Onlooker):
    """Feeds a model of PyTorch's with the weights after every update from number ``first`` on."""

    def __init__(self, first: int, **options: Any) -> None:
        self.first, self.options, self.averaged = first, options, None

    def attach(self, training: Training) -> None:
        self.model = training.model

    def updated(self, done: int) -> None:
        if done >= self.first:
            self.averaged = self.averaged or AveragedModel(self.model, **self.options)
            self.averaged.update_parameters(self.model)


def check_average(method: Any, theirs: Averaging) -> None:
    """Check that ``method`` keeps the means of PyTorch's class."""
    model = tiny_model()
    prepare({"it": method}, model, 1)
    outcome = finetune(model, small_task(), {"it": method}, STEADY, 1, CPU, watch=theirs)
    assert len(outcome.losses) == UPDATES
    assert theirs.averaged is not None
    means = {
        name: value.detach()
        for name, value in theirs.averaged.module.named_parameters()
        if value.requires_grad
    }
    assert method.means.keys() == means.keys()
    for name, mean in method.means.items():
        torch.testing.assert_close(mean, means[name], rtol=1e-5, atol=1e-7, msg=name)


def check_evaluated(method: Any) -> None:
    """Check that the average is evaluated and the weights themselves are trained."""
    model, task = tiny_model(), small_task()
    prepare({"it": method}, model, 1)
    outcome = finetune(model, task, {"it": method}, STEADY, 1, CPU)
    vanilla = finetune(trained := tiny_model(), task, {}, STEADY, 1, CPU)
    assert (outcome.losses == vanilla.losses).all()
    for weight, expected in zip(model.parameters(), trained.parameters(), strict=True):
        assert torch.equal(weight, expected)
    [(name, outputs)] = outcome.outputs.items()
    assert (outputs[-1] != vanilla.outputs[name][-1]).any()
    examples = task.evaluation[name]
    with method.evaluated(model), torch.no_grad():
        logits = model.eval()(**task.batch(examples, range(len(examples)))).logits
    torch.testing.assert_close(torch.from_numpy(outputs[-1]), logits, rtol=1e-4, atol=1e-5)
