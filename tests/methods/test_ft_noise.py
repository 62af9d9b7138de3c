"""FT+Noise equals HyPe restricted to one layer, its reference values, and plain fine-tuning at sigma 0."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy import stats

from benchmark.errors import BenchmarkError
from benchmark.methods import prepare
from benchmark.methods.ft_noise import FTNoise
from helpers import vectors
from helpers.draws import check_fresh
from helpers.perturbed_pass import compare_perturbed_pass, layers_of, position_of
from helpers.refusals import check_refused
from helpers.small_models import bert, check_neutral_pass, small_step
from helpers.toys import attached, scripted
from helpers.vectors import Case


@vectors.drives("ft_noise")
def test_ft_noise_equals_its_reference_values(case: Case) -> None:
    case.only("type", "normal")
    if (position := position_of(case)) != "between":
        case.skip(f"noise {position} the layers is not offered")
    layers = layers_of(case) or []
    if len(layers) != 1:
        case.skip(f"layer_range={layers}: noise at one layer is offered, not at several")
    compare_perturbed_pass(
        case, scripted(FTNoise, [], sigma=case.hyper["sigma"], layer=layers[0], place="input")
    )


def test_noise_is_normal_and_every_pass_has_its_own() -> None:
    method = attached(FTNoise(sigma=0.5), small_step())
    check_fresh(lambda: method.noised(torch.zeros(60, 60)), stats.norm(0, 0.5))


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_pass(FTNoise(sigma=0))


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("ft_noise.FTNoise", {"sigma": float("nan")}, "sigma=nan")
    check_refused("ft_noise.FTNoise", {"place": "inputs"}, "place")


@pytest.mark.parametrize("layer", [0, 4])
def test_a_layer_that_the_encoder_does_not_have_is_refused(layer: int) -> None:
    method: Any = FTNoise(layer=layer)
    with pytest.raises(BenchmarkError, match=rf"layer={layer}: .* 1 to 3"):
        prepare({"it": method}, bert(), 1)


def test_the_output_of_a_layer_is_the_input_of_the_next() -> None:
    def logits(**hyper: Any) -> torch.Tensor:
        model = bert(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        prepare({"it": FTNoise(sigma=0.1, **hyper)}, model, 1)
        return model(input_ids=torch.arange(12).view(2, 6)).logits

    at_the_output = logits(layer=1)
    torch.testing.assert_close(at_the_output, logits(layer=2, place="input"), rtol=0, atol=0)
    assert not torch.allclose(at_the_output, logits(layer=1, place="input"))
