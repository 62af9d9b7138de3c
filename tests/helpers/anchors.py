"""What every method that pulls towards a start must keep of it."""

from __future__ import annotations

from typing import Any

import torch

from benchmark.methods import prepare
from benchmark.methods.noisytune import NoisyTune
from helpers.small_models import bert

#: What a checkpoint without a pooler lacks, and the head's weight: here its bias is of the checkpoint.
DRAWN = ["bert.pooler.dense.bias", "bert.pooler.dense.weight", "classifier.weight"]


def check_drawn(method: Any, all_of_them: bool = True) -> None:
    """All weights that the checkpoint has are anchored, and no drawn one; without ``all_of_them`` only matrices."""
    model: Any = bert()
    model.drawn = DRAWN
    prepare({"mine": method}, model, 1)
    has = {name: weight for name, weight in model.named_parameters() if name not in DRAWN}
    assert set(method.anchors) == {name for name in has if all_of_them or has[name].ndim > 1}


def check_anchor(kind: type) -> None:
    """The anchor of a method is the checkpoint, or what noise made of it, and a copy of its own."""
    clean = dict(bert().named_parameters())
    for anchor, equal in (("clean", True), ("perturbed", False)):
        model, method = bert(), kind(anchor=anchor)
        prepare({"mine": method, "noisytune": NoisyTune()}, model, 1)
        name = "bert.encoder.layer.0.output.dense.weight"
        assert torch.equal(method.anchors[name], clean[name]) == equal
        assert torch.equal(method.anchors[name], model.get_parameter(name)) != equal
        assert not method.anchors[name].requires_grad
        assert method.anchors[name].data_ptr() != model.get_parameter(name).data_ptr()
