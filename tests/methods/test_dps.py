"""DPS masks gradients in the second stage of every cycle by those of the first, and nothing before or elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from benchmark.methods import prepare
from benchmark.methods.child_tuning import ChildTuningD
from benchmark.methods.dps import DPS
from benchmark.models.architecture import encoder_of
from benchmark.step.update import Update
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from helpers.refusals import check_refused
from helpers.small_models import bert, check_active_training, check_neutral_training
from helpers.tuning import finetune

GRADIENTS = [[3.0, 1.0, -4.0, 0.5], [-1.0, 5.0, 0.0, 0.5], [1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0]]
# Squares of the first two: 10, 26, 16, 0.5. Half of them are the second and the third.


def masked(gradients: list[list[float]], total: int, **hyper: Any) -> list[list[float]]:
    """The gradients of a matrix in an encoder's layer, as they are in every update."""
    method: Any = DPS(**hyper)
    method.names, method.sums, method.masks, results = {"w"}, {}, {}, []
    for number, gradient in enumerate(gradients, 1):
        given, other = torch.tensor(gradient).view(2, 2), torch.ones(2)
        update = Update(["b", "w"], [other, given], [other.clone(), given.clone()], 0.1, number, total)
        method.gradient(update)
        assert torch.equal(update.gradients[0], other)
        results.append(update.gradients[1].flatten().tolist())
    return results


def test_the_second_stage_updates_the_largest_by_hand() -> None:
    results = masked(GRADIENTS, 4, fraction=0.5, part=0.5)
    assert results == [*GRADIENTS[:2], [0.0, 1.0, 1.0, 0.0], [0.0, 2.0, 2.0, 0.0]]


def test_every_cycle_begins_anew() -> None:
    second = [[1.0, 0.0, 0.0, 2.0], [1.0, 0.0, 0.0, 2.0], [7.0, 7.0, 7.0, 7.0], [7.0, 7.0, 7.0, 7.0]]
    results = masked([*GRADIENTS, *second], 8, fraction=0.5, part=0.25)
    assert results[4:6] == second[:2]
    assert results[6:] == [[7.0, 0.0, 0.0, 7.0]] * 2


def test_a_share_is_rounded_up_and_ties_are_kept() -> None:
    assert DPS(fraction=0.3).largest(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist() == [
        [False, False],
        [True, True],
    ]
    assert DPS(fraction=0.25).largest(torch.tensor([4.0, 2.0, 4.0, 1.0])).tolist() == [
        True,
        False,
        True,
        False,
    ]


def test_a_run_too_short_for_a_stage_has_stages_of_one_update() -> None:
    assert masked(GRADIENTS[:2], 4, fraction=0.5, part=0.05)[1] == [-1.0, 0.0, 0.0, 0.0]  # of 9, 1, 16, 0.25


def test_it_acts_on_the_matrices_of_the_layers() -> None:
    method, child, model = DPS(), ChildTuningD(), bert()
    prepare({"a": child, "b": method}, model, 1)
    shapes = {name: weight.ndim for name, weight in model.named_parameters()}
    assert method.names == {name for name in child.candidates if shapes[name] == 2}
    assert len(method.names) == len(encoder_of(model).layers) * 6


@pytest.mark.parametrize(("dropout", "rates"), [(False, {0.0}), (True, {0.1})])
def test_all_dropout_is_off_unless_told(dropout: bool, rates: set[float]) -> None:
    prepare({"it": DPS(dropout=dropout)}, model := tiny_model(), 1)
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == rates


def test_a_run_masks_the_share_that_it_says() -> None:
    prepare({"it": (method := DPS(fraction=0.3, part=0.2))}, model := tiny_model(), 1)
    finetune(model, small_task(), {"it": method}, PROTOCOL, 1, CPU)
    assert set(method.masks) == method.names
    for mask in method.masks.values():
        assert 0.3 <= mask.float().mean() < 0.3 + 1.5 / mask.numel()


def test_all_of_the_weights_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(DPS(fraction=1.0, dropout=True))


def test_it_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(DPS(fraction=0.3))


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("dps.DPS", {"fraction": 0.0}, "fraction=0.0")
    check_refused("dps.DPS", {"part": 0.6}, "part=0.6")
