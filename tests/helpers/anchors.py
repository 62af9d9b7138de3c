"""What every method that pulls towards a start must keep of it."""

from __future__ import annotations

import torch

from benchmark.methods import prepare
from benchmark.methods.noisytune import NoisyTune
from helpers.small_models import bert


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
