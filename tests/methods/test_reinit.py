"""Re-init draws what its reference draws, from the distribution it names."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy import stats
from torch import nn

from benchmark.errors import BenchmarkError
from benchmark.methods import prepare
from benchmark.methods.reinit import ReInit
from helpers.draws import check_distribution
from helpers.refusals import check_refused
from helpers.selections import Selection, selects
from helpers.small_models import bert, check_neutral_pass, of_kind


@selects("reinit_k1")
def test_reinit_draws_what_the_reference_draws(case: Selection) -> None:
    model = of_kind(case)
    for parameter in model.parameters():
        nn.init.constant_(parameter, 7.0)
    prepare({"reinit": ReInit(layers=1)}, model, 1)
    changed = {name: p for name, p in model.named_parameters() if (p != 7).all()}
    case.equal(changed)
    for name, parameter in changed.items():
        if parameter.ndim == 1:  # of a linear layer or a normalisation
            assert (parameter == (0 if name.endswith("bias") else 1)).all()
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.15)


def test_weights_are_normal_with_the_standard_deviation_they_are_given() -> None:
    draw = ReInit(std=0.5).draw(torch.empty(300, 300), torch.Generator().manual_seed(0))
    check_distribution(draw, stats.norm(0, 0.5))


def test_every_tensor_is_drawn_anew() -> None:
    prepare({"it": ReInit(layers=3)}, model := bert(hidden_size=32), 1)
    drawn = [p for name, p in model.named_parameters() if "encoder" in name and p.shape == (32, 32)]
    assert len(drawn) == 3 * 4
    check_distribution(torch.stack(drawn), stats.norm(0, 0.02))


def test_the_pooler_keeps_its_weights_where_it_is_told_to() -> None:
    prepare({"it": ReInit(layers=1, pooler=False)}, model := bert(), 1)
    before = bert()
    assert torch.equal(model.bert.pooler.dense.weight, before.bert.pooler.dense.weight)
    changed = model.bert.encoder.layer[2].output.dense.weight
    assert not torch.equal(changed, before.bert.encoder.layer[2].output.dense.weight)


def test_no_layer_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_pass(ReInit(layers=0))


@pytest.mark.parametrize(
    ("settings", "message"), [({"layers": -1}, "layers=-1"), ({"std": -1.0}, "std=-1.0")]
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("reinit.ReInit", settings, message)


def test_layers_that_the_encoder_does_not_have_are_refused() -> None:
    with pytest.raises(BenchmarkError, match="layers=4: the encoder has 3 layers"):
        prepare({"it": ReInit(layers=4)}, bert(), 1)
