"""Anti-PGD takes its noise out again: only gradients see it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from benchmark.methods import prepare
from benchmark.methods.anti_pgd import AntiPGD
from benchmark.methods.weight_noise import WeightNoise
from benchmark.step.update import Update
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from benchmark.training.assemble import Training
from benchmark.training.onlooker import Onlooker
from helpers.noisy_updates import DRAWS, check_noise, check_places, drawn
from helpers.quadratic import SLOPE, START, descended
from helpers.refusals import check_refused
from helpers.small_models import check_active_training, check_neutral_training
from helpers.toys import scripted
from helpers.tuning import finetune


def test_of_anti_pgd_the_last_draw_alone_is_there_by_hand() -> None:
    end = descended(scripted(AntiPGD, drawn(), sigma=0.3), steps=2)
    torch.testing.assert_close(end, START - 2 * 0.1 * SLOPE + 0.3 * DRAWS[1].view(2, 2))


def test_the_last_update_of_anti_pgd_adds_none() -> None:
    ends = []
    for total in (2, 3):
        method: Any = scripted(AntiPGD, drawn(), sigma=0.3)
        method.names, method.added, weight = {"w"}, {}, START.clone()
        for number in (1, 2):
            update = Update(["w"], [weight], [SLOPE], 0.1, number, total)
            method.before(update)
            weight -= 0.1 * SLOPE
            method.after(update)
        ends.append(weight)
    torch.testing.assert_close(ends[0], START - 2 * 0.1 * SLOPE)
    torch.testing.assert_close(ends[1], START - 2 * 0.1 * SLOPE + 0.3 * DRAWS[1].view(2, 2))


def test_decay_acts_on_the_weights_without_noise() -> None:
    """With a rate of 0 nothing but decay and noise moves them."""
    protocol = replace(PROTOCOL, learning_rate=0.1, weight_decay=0.5, max_grad_norm=1e-30)
    ends = []
    for methods in ({}, {"it": AntiPGD(sigma=0.1)}):
        prepare(methods, model := tiny_model(), 1)
        for name, weight in model.named_parameters():
            weight.requires_grad_(name.endswith("output.dense.weight"))
        finetune(model, small_task(), methods, replace(protocol, optimizer="adamw", epsilon=1e6), 1, CPU)
        ends.append(model.get_parameter("bert.encoder.layer.0.output.dense.weight").detach())
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-7)


def test_its_strength_is_that_of_weight_noise() -> None:
    assert AntiPGD().sigma == WeightNoise().sigma


class Seen(Onlooker):
    """Keeps the weights after every update."""

    def attach(self, training: Training) -> None:
        self.model, self.kept = training.model, []

    def updated(self, done: int) -> None:
        self.kept.append({name: value.clone() for name, value in self.model.state_dict().items()})


def test_evaluations_of_anti_pgd_are_of_weights_without_noise() -> None:
    method, model, task = AntiPGD(sigma=0.5), tiny_model(), small_task()
    prepare({"it": method}, model, 1)
    outcome = finetune(
        model, task, {"it": method}, replace(PROTOCOL, epochs=3), 1, CPU, watch=(seen := Seen())
    )
    [(name, outputs)] = outcome.outputs.items()
    noise = method.added
    assert set(noise) == method.names
    assert not any(value.any() for value in noise.values())  # of the last update
    for number, at in enumerate((3, 6)):  # of three evaluations the last is after update 9
        stock = tiny_model()
        stock.load_state_dict(seen.kept[at - 1])
        with torch.no_grad():
            noisy = stock.eval()(**task.batch(task.evaluation[name], range(12))).logits
        assert (noisy - torch.from_numpy(outputs[number])).abs().max() > 1e-3
    stock.load_state_dict(seen.kept[-1])
    with torch.no_grad():
        clean = stock.eval()(**task.batch(task.evaluation[name], range(12))).logits
    torch.testing.assert_close(clean, torch.from_numpy(outputs[-1]), rtol=1e-4, atol=1e-5)


def test_the_block_of_an_evaluation_takes_the_noise_out_and_puts_its_bits_back() -> None:
    method, model = AntiPGD(), tiny_model()
    prepare({"it": method}, model, 1)
    name = "bert.encoder.layer.0.output.dense.weight"
    weight = model.get_parameter(name)
    clean, method.added = weight.detach().clone(), {name: torch.full_like(weight, 0.125)}
    with torch.no_grad():
        weight.add_(0.125)
    before = weight.detach().clone()
    with method.evaluated(model):
        torch.testing.assert_close(weight.detach(), clean)
    assert torch.equal(weight, before)


def test_noise_of_pats_stays_beside_anti_pgd() -> None:
    method: Any = scripted(AntiPGD, [torch.ones(4), torch.ones(4)], sigma=0.3)
    method.names, method.added, weight = {"w"}, {}, START.clone()
    for number in (1, 2):
        update = Update(["w"], [weight], [SLOPE], 0.1, number, 2)
        method.before(update)
        method.after(update)
        weight += 0.5  # what comes after it
    torch.testing.assert_close(weight, START + 1.0)


def test_it_acts_where_pats_does() -> None:
    check_places(AntiPGD())


def test_noise_is_normal_and_every_update_has_its_own() -> None:
    check_noise(AntiPGD(sigma=0.5))


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(AntiPGD(sigma=0.0))


def test_it_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(AntiPGD())


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("anti_pgd.AntiPGD", {"sigma": -1.0}, "sigma=-1.0")
