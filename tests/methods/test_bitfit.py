"""BitFit and LayerNorm tuning train their part and the head, at a rate of their own, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from benchmark.errors import BenchmarkError
from benchmark.methods import build, prepare
from benchmark.methods.bitfit import BitFit
from benchmark.methods.layer_norm_tuning import LayerNormTuning
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from helpers.refusals import check_refused
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


def test_bitfit_trains_biases_and_head() -> None:
    names = {name for name, _ in tiny_model().named_parameters() if name.endswith("bias")}
    # A key's bias adds the same to all scores of a query, which softmax takes off again.
    assert names - changed(BitFit()) <= {name for name in names if name.endswith("key.bias")}
    assert changed(BitFit()) <= names | HEAD
    assert changed(BitFit()) >= HEAD


def test_layer_norm_tuning_trains_normalisations_and_head() -> None:
    norms = {
        f"{place}.{name}"
        for place, module in tiny_model().named_modules()
        if isinstance(module, nn.LayerNorm)
        for name, _ in module.named_parameters()
    }
    assert changed(LayerNormTuning()) == norms | HEAD


@pytest.mark.parametrize(("method", "expected"), [(BitFit(rate=7.0), 7.0), (LayerNormTuning(rate=3.0), 3.0)])
def test_the_rate_is_a_factor_on_the_protocols(method: Any, expected: float) -> None:
    prepare({"it": method}, bert(), 1)
    assert {method.rate_factor(name) for name in HEAD} == {expected}


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ("layer_norm_tuning.LayerNormTuning", "each freezes what the other one trains"),
        ("mixout.Mixout", "frozen at what it mixes them with"),
        ("reinit.ReInit", "would stay random"),
    ],
)
def test_what_cannot_be_trained_with_it_is_refused(other: str, says: str) -> None:
    chosen = {name: {"_target_": f"benchmark.methods.{name}"} for name in ("bitfit.BitFit", other)}
    with pytest.raises(BenchmarkError, match=says):
        build(chosen)


def test_a_wrong_hyper_parameter_is_named() -> None:
    for name in ("bitfit.BitFit", "layer_norm_tuning.LayerNormTuning"):
        check_refused(name, {"rate": 0.0}, "rate=0.0")
