"""The control of PATS: its noise on average, with the same size for all weights of a tensor."""

from __future__ import annotations

import pytest
import torch

from benchmark.methods.common.unit_noise import UnitNoise
from benchmark.methods.even_noise import EvenNoise
from benchmark.methods.pats import PATS
from helpers.quadratic import SLOPE, START, descended
from helpers.small_models import check_active_training, check_neutral_training
from helpers.toys import scripted


@pytest.mark.parametrize(("noise_scale", "power"), [("sqrt", 0.5), ("linear", 1.0)])
def test_all_weights_of_a_tensor_have_the_mean_size_by_hand(noise_scale: str, power: float) -> None:
    draws = [UnitNoise([torch.tensor([[1.0, -1.0], [2.0, 0.0]])])]
    method = scripted(
        EvenNoise, draws, intensity=0.04, gamma=0.5, beta=0.25, epsilon=0.05, noise_scale=noise_scale
    )
    # PATS's sizes there are 0.0025 and, for the weight without a slope, 0.07: see tests/methods/test_pats.py.
    size = (3 * 0.0025**power + 0.07**power) / 4
    noise = size * torch.tensor([[1.0, -1.0], [2.0, 0.0]])
    torch.testing.assert_close(descended(method), START - 0.1 * SLOPE + noise)


def test_the_mean_size_is_pats_own_and_its_means_stay() -> None:
    means = [torch.rand(40, 30, generator=torch.Generator().manual_seed(1)), torch.full((5,), 0.2)]
    kept = [mean.clone() for mean in means]
    noise = UnitNoise(means)
    pats, even = PATS(intensity=0.1).sizes(means, noise), EvenNoise(intensity=0.1).sizes(means, noise)
    for ours, theirs, mean, before in zip(even, pats, means, kept, strict=True):
        torch.testing.assert_close(ours, theirs.mean().expand_as(ours))
        assert torch.equal(mean, before)
    assert pats[0].std() > 0


@pytest.mark.parametrize("method", [EvenNoise(intensity=0.0), EvenNoise(probability=0.0)], ids=repr)
def test_strength_zero_is_plain_fine_tuning_bit_for_bit(method: EvenNoise) -> None:
    check_neutral_training(method)


def test_it_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(EvenNoise())


def test_the_control_has_the_rate_and_the_values_of_pats(compose) -> None:
    ours, theirs = (
        compose("protocol=pats", "model=bert_base_uncased", "task=rte", f"method=[{name}]")
        for name in ("pats_even", "pats")
    )
    assert ours.protocol.learning_rate == theirs.protocol.learning_rate == 3e-4
    values = [dict(config.method[name]) for config, name in ((ours, "pats_even"), (theirs, "pats"))]
    assert values[0].pop("_target_") != values[1].pop("_target_")
    assert values[0] == values[1]
