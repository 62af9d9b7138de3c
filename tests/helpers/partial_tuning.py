"""What a short training changes in the tiny model, for methods that train a part of it."""

from __future__ import annotations

from typing import Any

import torch

from benchmark.methods import prepare
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from helpers.small_models import bert
from helpers.tuning import finetune

HEAD = {"classifier.weight", "classifier.bias"}


def changed(method: Any) -> set[str]:
    """The names of the parameters that a short training changes."""
    model = tiny_model()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    prepare({"it": method}, model, 1)
    finetune(model, small_task(), {"it": method}, PROTOCOL, 1, CPU)
    return {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}


def check_rate(method: Any, expected: float) -> None:
    """Check that the head learns at ``expected`` times the protocol's rate."""
    prepare({"it": method}, bert(), 1)
    assert {method.rate_factor(name) for name in HEAD} == {expected}


def check_drawn(method: Any) -> None:
    """A pooler that the checkpoint lacks is trained whole, as the head is."""
    model: Any = bert()
    model.drawn = [f"bert.pooler.dense.{kind}" for kind in ("weight", "bias")] + sorted(HEAD)
    prepare({"it": method}, model, 1)
    assert all(model.get_parameter(name).requires_grad for name in model.drawn)
    assert not model.get_parameter("bert.encoder.layer.0.output.dense.weight").requires_grad
