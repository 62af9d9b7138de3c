"""Weight noise adds up where PATS has its noise."""

from __future__ import annotations

import pytest
import torch

from benchmark.methods.common.unit_noise import UnitNoise
from benchmark.methods.pats import PATS
from benchmark.methods.weight_noise import WeightNoise
from helpers.noisy_updates import DRAWS, check_noise, check_places, drawn
from helpers.quadratic import SLOPE, START, descended
from helpers.refusals import check_refused
from helpers.small_models import check_active_training, check_neutral_training
from helpers.toys import scripted


def test_noise_adds_up_by_hand() -> None:
    noise = 0.3 * (DRAWS[0] + DRAWS[1]).view(2, 2)
    end = descended(scripted(WeightNoise, drawn(), sigma=0.3), steps=2)
    torch.testing.assert_close(end, START - 2 * 0.1 * SLOPE + noise)


def test_its_size_is_that_of_pats_where_all_weights_are_alike() -> None:
    pats = PATS(gamma=0.0, epsilon=0.0)
    means = [torch.full((10,), 0.3)]
    [size] = pats.sizes(means, UnitNoise(means))
    variance = pats.probability * size[0].item() ** 2
    assert WeightNoise().sigma ** 2 == pytest.approx(variance, rel=0.02)


def test_it_acts_where_pats_does() -> None:
    check_places(WeightNoise())


def test_noise_is_normal_and_every_update_has_its_own() -> None:
    check_noise(WeightNoise(sigma=0.5))


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(WeightNoise(sigma=0.0))


def test_it_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(WeightNoise())


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("weight_noise.WeightNoise", {"sigma": -1.0}, "sigma=-1.0")
