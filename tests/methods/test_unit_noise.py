"""Noise on a share of all weights: normal, as often as p says, and at the places that it names."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from benchmark.methods.common import unit_noise
from benchmark.methods.common.unit_noise import ScatteredNoise, UnitNoise
from helpers.draws import check_bernoulli, check_distribution

WEIGHTS = [torch.zeros(200, 400), torch.zeros(3), torch.zeros(200, 400)]


def spread(noise: UnitNoise, weights: list[torch.Tensor]) -> list[torch.Tensor]:
    """``noise`` as tensors of the shapes of ``weights``."""
    zeros = [torch.zeros_like(weight) for weight in weights]
    noise.add(zeros, noise.unit)
    return zeros


@pytest.mark.parametrize("probability", [0.2, 0.35, 1.0])
def test_noise_is_normal_with_probability_p_entry_by_entry(probability: float) -> None:
    noise = spread(unit_noise.draw(WEIGHTS, probability, torch.Generator().manual_seed(1)), WEIGHTS)
    assert [entries.shape for entries in noise] == [weight.shape for weight in WEIGHTS]
    for entries in (noise[0], noise[2]):
        if probability < 1:
            check_bernoulli((entries != 0).float(), probability)
        check_distribution(entries[entries != 0], stats.norm())


def test_noise_of_each_tensor_and_of_each_draw_is_its_own() -> None:
    rng = torch.Generator().manual_seed(1)
    first, second = (spread(unit_noise.draw(WEIGHTS, 0.5, rng), WEIGHTS) for _ in range(2))
    for ours, theirs in ((first[0], second[0]), (first[0], first[2])):
        assert not torch.equal(ours != 0, theirs != 0)
        both = (ours != 0) & (theirs != 0)
        assert (ours[both] != theirs[both]).all()
    again = spread(unit_noise.draw(WEIGHTS, 0.5, torch.Generator().manual_seed(1)), WEIGHTS)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(again, first, strict=True))


def test_entries_are_taken_from_where_noise_is_added() -> None:
    weights = [torch.arange(6.0).view(2, 3), torch.arange(4.0)]
    noise = ScatteredNoise(
        [torch.tensor([1.0, 2.0]), torch.tensor([])],
        [torch.tensor([1, 5]), torch.tensor([], dtype=torch.int64)],
    )
    assert [entries.tolist() for entries in noise.at(weights)] == [[1.0, 5.0], []]
    noise.add(weights, noise.unit)
    assert [weight.tolist() for weight in weights] == [[[0, 2, 2], [3, 4, 7]], [0, 1, 2, 3]]


def test_weights_that_are_a_view_of_others_get_their_noise() -> None:
    rows = torch.zeros(300, 200)
    turned = rows.t()
    noise = unit_noise.draw([turned], 0.5, torch.Generator().manual_seed(2))
    noise.add([turned], noise.unit)
    assert torch.equal(rows.t(), spread(noise, [torch.zeros(200, 300)])[0])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_noise_has_the_type_of_the_weights(dtype: torch.dtype) -> None:
    noise = unit_noise.draw([torch.zeros(50, dtype=dtype)], 0.5, torch.Generator())
    assert noise.unit[0].dtype == dtype


def test_a_device_draws_for_every_weight() -> None:
    weights = [torch.empty(30, 20, device="meta"), torch.empty(5, device="meta")]
    noise = unit_noise.draw(weights, 0.2, torch.Generator())
    assert [entries.shape for entries in noise.unit] == [(30, 20), (5,)]
    assert noise.at(weights) is weights
