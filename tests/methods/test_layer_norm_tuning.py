"""LayerNorm tuning trains normalisations and head, at a rate of their own, and nothing else."""

from __future__ import annotations

from torch import nn

from benchmark.methods.layer_norm_tuning import LayerNormTuning
from benchmark.testing.fixtures import tiny_model
from helpers.partial_tuning import HEAD, changed, check_drawn, check_rate
from helpers.refusals import check_refused


def test_layer_norm_tuning_trains_normalisations_and_head() -> None:
    norms = {
        f"{place}.{name}"
        for place, module in tiny_model().named_modules()
        if isinstance(module, nn.LayerNorm)
        for name, _ in module.named_parameters()
    }
    assert changed(LayerNormTuning()) == norms | HEAD


def test_the_rate_is_a_factor_on_the_protocols() -> None:
    check_rate(LayerNormTuning(rate=3.0), 3.0)


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("layer_norm_tuning.LayerNormTuning", {"rate": 0.0}, "rate=0.0")


def test_a_pooler_that_the_checkpoint_lacks_is_trained_with_the_head() -> None:
    check_drawn(LayerNormTuning())
