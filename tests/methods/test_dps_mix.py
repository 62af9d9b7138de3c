"""DPS Mix works with mixtures: of random columns and the start, then of the chosen weights and those at the stage's begin."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from benchmark.methods import prepare
from benchmark.methods.common.mixed_linear import MixedLinear
from benchmark.methods.dps_mix import DPSMix
from benchmark.models.architecture import encoder_of
from benchmark.step.update import Update
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from helpers.anchors import DRAWN
from helpers.draws import check_bernoulli
from helpers.refusals import check_refused
from helpers.small_models import bert, check_active_training, check_neutral_training
from helpers.toys import scripted
from helpers.tuning import finetune

START = torch.tensor([[1.0, -2.0], [0.5, 4.0]])


def alone(draws: list[list[float]], **hyper: Any) -> Any:
    """A method that mixes one matrix of two by two, called w, with these masks of its columns."""
    method = scripted(DPSMix, [torch.tensor([draw]) for draw in draws], **hyper)
    method.starts, method.sums, method.kept, method.targets = {"w": START.clone()}, {}, {}, {}
    method.masks = {"w": method.draw(START)}
    return method


def updated(method: Any, number: int, total: int, weight: torch.Tensor, gradient: list[float]) -> None:
    """Update ``number``, whose step halves the ``weight``."""
    given = torch.tensor(gradient).view(2, 2)
    update = Update(["b", "w"], [torch.ones(2), weight], [torch.ones(2), given.clone()], 0.1, number, total)
    method.gradient(update)
    assert torch.equal(update.gradients[1], given)  # the mixture has masked it already
    weight.mul_(0.5)
    method.after(update)


def test_a_mixture_and_its_gradient_by_hand() -> None:
    method = alone([[1.0, 0.0]], fraction=0.8)
    weight = torch.tensor([[3.0, 1.0], [2.0, -1.0]], requires_grad=True)
    mixed = method.mixed("w", weight)
    # Kept: (W - 0.2 T) / 0.8. Else: (T - 0.2 T) / 0.8 = T.
    torch.testing.assert_close(mixed, torch.tensor([[3.5, -2.0], [2.375, 4.0]]))
    (mixed * torch.tensor([[5.0, 6.0], [7.0, 8.0]])).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [[5.0, 0.0], [7.0, 0.0]]


def test_a_pooler_that_the_checkpoint_lacks_is_not_mixed() -> None:
    model: Any = bert()
    prepare({"it": (whole := DPSMix())}, model, 1)
    model: Any = bert()
    model.drawn = DRAWN
    prepare({"it": (method := DPSMix())}, model, 1)
    assert set(whole.starts) - set(method.starts) == {"bert.pooler.dense.weight"}
    assert len(method.starts) == 3 * 6


def test_a_cycle_by_hand() -> None:
    method, weight = (
        alone([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], fraction=0.5, part=0.25),
        START.clone(),
    )
    updated(method, 1, 8, weight, [3.0, 0.0, -4.0, 0.0])
    assert method.masks["w"].tolist() == [[1.0, 1.0]]
    updated(method, 2, 8, weight, [1.0, 2.5, 1.0, -3.0])
    # S: 10, 6.25, 17, 9; N: 2, 1. The largest of 5, 6.25, 8.5 and 9.
    assert method.masks["w"].tolist() == [[0.0, 0.0], [1.0, 1.0]]
    torch.testing.assert_close(method.targets["w"], START / 4)
    now = method.masks["w"].clone()
    updated(method, 3, 8, weight, [9.0, 9.0, 0.0, 0.0])
    assert torch.equal(method.masks["w"], now)
    torch.testing.assert_close(method.targets["w"], START / 4)
    # Where the mask is 0 the target alone is there; else (W - T / 2) / (1 / 2), with W half of T: 0.
    torch.testing.assert_close(method.mixed("w", weight), torch.tensor([[0.25, -0.5], [0.0, 0.0]]))
    updated(method, 4, 8, weight, [9.0, 9.0, 0.0, 0.0])
    assert method.masks["w"].tolist() == [[0.0, 1.0]]
    assert method.targets == {}  # the start again


def test_every_cycle_sums_anew() -> None:
    draws = [[1.0, 1.0]] * 6
    method, weight = alone(draws, fraction=0.25, part=0.25), START.clone()
    for number, gradient in enumerate([[9.0, 0, 0, 0], [9.0, 0, 0, 0]], 1):
        updated(method, number, 8, weight, gradient)
    for number in (3, 4):
        updated(method, number, 8, weight, [0.0] * 4)
    for number in (5, 6):
        updated(method, number, 8, weight, [0.0, 1.0, 0.0, 0.0])
    assert method.masks["w"].tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert method.kept["w"].tolist() == [[2.0, 2.0]]


def test_in_a_long_stage_columns_that_were_kept_less_often_are_preferred() -> None:
    method = alone([[1.0, 1.0]])
    method.sums, method.kept = (
        {"w": torch.tensor([[6.0, 8.0], [3.0, 4.0]])},
        {"w": torch.tensor([[30.0, 0.0]])},
    )
    torch.testing.assert_close(method.scores("w", 49), torch.tensor([[0.2, 8.0], [0.1, 4.0]]))
    factors = torch.tensor([30.0, 1.0]).div(-60).exp()
    torch.testing.assert_close(method.scores("w", 60), torch.tensor([[0.2, 8.0], [0.1, 4.0]]) * factors)


def test_a_column_is_kept_at_the_share_that_it_says() -> None:
    method = DPSMix(fraction=0.7)
    prepare({"it": method}, tiny_model(), 1)
    check_bernoulli(torch.cat([method.draw(torch.empty(3, 300)) for _ in range(100)]), 0.7, (100, 300))


def test_it_mixes_the_linear_modules_of_layers_and_pooler() -> None:
    prepare({"it": (method := DPSMix())}, model := bert(), 1)
    mixed = {name for name, module in model.named_modules() if isinstance(module, MixedLinear)}
    assert mixed == {name for name, module in model.named_modules() if isinstance(module, nn.Linear)} - {
        "classifier"
    }
    assert {f"{name}.weight" for name in mixed} == {*method.starts}
    assert len(mixed) == len(encoder_of(model).layers) * 6 + 1


def test_all_passes_of_an_update_share_their_masks_and_the_next_has_others() -> None:
    prepare({"it": (method := DPSMix())}, model := tiny_model(), 1)
    inputs = small_task().batch(small_task().training, range(4))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.5)
    first, again = (model.train()(**inputs).logits for _ in range(2))
    names = [*method.starts]
    weights = [model.get_parameter(name) for name in names]
    method.after(Update(names, weights, [torch.zeros_like(weight) for weight in weights], 0.1, 1, 100))
    assert torch.equal(first, again)
    assert not torch.equal(first, model(**inputs).logits)


@pytest.mark.parametrize(("dropout", "rates"), [(False, {0.0}), (True, {0.1})])
def test_all_dropout_is_off_unless_told(dropout: bool, rates: set[float]) -> None:
    prepare({"it": DPSMix(dropout=dropout)}, model := tiny_model(), 1)
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == rates


def test_in_a_run_the_other_weights_stay_in_the_second_stage() -> None:
    prepare({"it": (method := DPSMix(fraction=0.3, part=0.5))}, model := tiny_model(), 1)
    protocol = {**vars(PROTOCOL), "weight_decay": 0.0, "betas": [0.0, 0.999]}
    finetune(model, small_task(), {"it": method}, type(PROTOCOL)(**protocol), 1, CPU)
    assert {*method.targets} == {*method.starts}
    for name, target in method.targets.items():
        still, mask = model.get_parameter(name).detach() == target, method.masks[name] == 1
        assert still[~mask].all()
        assert not still[mask].all()
        assert 0.3 <= mask.float().mean() < 0.3 + 1.5 / mask.numel()


def test_all_of_the_weights_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(DPSMix(fraction=1.0, dropout=True))


def test_it_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(DPSMix(fraction=0.3))


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("dps_mix.DPSMix", {"fraction": 0.0}, "fraction=0.0")
    check_refused("dps_mix.DPSMix", {"part": 0.6}, "part=0.6")
