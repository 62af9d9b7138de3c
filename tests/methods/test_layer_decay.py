"""Layer-wise decay of the learning rate, worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmark.methods import Method, build
from benchmark.methods.layer_decay import LayerDecay
from benchmark.models.architecture import encoder_of
from benchmark.step.groups import parameter_groups
from helpers.refusals import check_refused
from helpers.small_models import bert, check_active_training, check_neutral_training
from helpers.toys import ready


def test_layer_decay_by_hand() -> None:
    model = bert()
    method, electra = LayerDecay(0.5), LayerDecay(0.5, top=2)
    for one in (method, electra):
        ready(one, model, encoder_of(model))
    expected = {
        "classifier.weight": (1.0, 1.0),
        "bert.pooler.dense.bias": (1.0, 1.0),
        "bert.encoder.layer.2.output.dense.weight": (1 / 2, 1 / 4),
        "bert.encoder.layer.1.output.LayerNorm.weight": (1 / 4, 1 / 8),
        "bert.encoder.layer.0.attention.self.query.bias": (1 / 8, 1 / 16),
        "bert.embeddings.word_embeddings.weight": (1 / 16, 1 / 32),
        "bert.embeddings.LayerNorm.bias": (1 / 16, 1 / 32),
    }
    for name, factors in expected.items():
        assert (method.rate_factor(name), electra.rate_factor(name)) == factors


def test_layer_decay_makes_groups_of_its_rates() -> None:
    model = bert()
    method = ready(LayerDecay(0.5), model, encoder_of(model))
    groups = parameter_groups(model, 0.01, method.rate_factor)
    assert {(group.weight_decay, group.rate_factor) for group in groups} == {
        (decay, factor) for decay in (0.0, 0.01) for factor in (1.0, 1 / 2, 1 / 4, 1 / 8, 1 / 16)
    }
    assert sum(len(group.parameters) for group in groups) == len(list(model.parameters()))


def test_factor_one_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(LayerDecay(factor=1.0))


def test_layer_decay_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(LayerDecay())


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"factor": 0.0}, "factor=0.0"), ({"top": -1}, "top=-1"), ({"depth": 3}, "depth")],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("layer_decay.LayerDecay", settings, message)


@pytest.mark.parametrize(
    ("name", "method"),
    [("layer_decay", LayerDecay()), ("layer_decay_electra", LayerDecay(factor=0.8, top=2))],
)
def test_a_configuration_is_the_method_it_names(
    name: str, method: Method, compose: Callable[..., dict[str, Any]]
) -> None:
    assert build(compose("protocol=noisytune", f"method=[{name}]").method) == {name: method}
