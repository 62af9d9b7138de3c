"""RIFLE draws the head anew at the beginning of a cycle, after its evaluation, and its optimiser begins anew with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from benchmark.methods import Context, prepare
from benchmark.methods.rifle import RIFLE
from benchmark.models.architecture import encoder_of
from benchmark.randomness import Seeds
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from benchmark.training.assemble import assembled
from helpers.draws import check_distribution
from helpers.models import ARCHITECTURES
from helpers.refusals import check_refused
from helpers.tuning import finetune

HEAD = "classifier.weight"
QUIET = replace(PROTOCOL, schedule="constant", weight_decay=0.0, max_grad_norm=0.0)


class Watched(RIFLE):
    """Keeps the head as it was before every update."""

    def begin(self, number: int, total: int) -> None:
        super().begin(number, total)
        head = self.context.encoder.model.get_parameter(HEAD)
        self.heads = [*getattr(self, "heads", []), head.detach().clone()]


def updated(method: Any, protocol: Any, updates: int) -> Any:
    """A small model, at rest after every update: its parameters by update, from before the first."""
    prepare({"it": method}, model := tiny_model(dropout=0.0), 1)
    training = assembled(model, small_task(), {"it": method}, protocol, Seeds.all(1), CPU)
    states = [{name: weight.detach().clone() for name, weight in model.named_parameters()}]
    for number, batch in training.course.batches():
        training.learner.update(number, batch)
        states.append({name: weight.detach().clone() for name, weight in model.named_parameters()})
    assert len(states) == updates + 1
    return states


@pytest.mark.parametrize(
    ("cycles", "total", "firsts"),
    [(1, 9, ()), (3, 9, (4, 7)), (3, 10, (4, 8)), (2, 7, (5,)), (4, 3, (2, 3)), (9, 2, (2,))],
)
def test_cycles_are_of_equal_length(cycles: int, total: int, firsts: tuple[int, ...]) -> None:
    prepare({"it": (method := RIFLE(cycles=cycles))}, tiny_model(), 1)
    assert method.restarts(HEAD, total) == firsts
    assert method.restarts("bert.pooler.dense.weight", total) == ()


def test_a_new_head_is_there_before_the_cycles_first_update_and_its_optimiser_is_new() -> None:
    method, rate = Watched(cycles=3), 1e-3
    states = updated(method, replace(QUIET, epochs=3, learning_rate=rate), 9)
    for number in range(1, 10):
        before, after, begun = states[number - 1], states[number], method.heads[number - 1]
        new = number in (4, 7)
        assert torch.equal(begun, before[HEAD]) != new
        step = (after[HEAD] - begun).abs()
        assert torch.allclose(step, torch.full_like(step, rate), rtol=1e-2) == (new or number == 1)
        inside = (after["bert.pooler.dense.weight"] - before["bert.pooler.dense.weight"]).abs()
        assert torch.allclose(inside, torch.full_like(inside, rate), rtol=1e-2) == (number == 1)
        if new:
            assert (after["classifier.bias"].abs() - rate).abs().max() < 1e-5  # from 0
    assert not torch.equal(method.heads[3], method.heads[6])


def test_an_evaluation_at_the_end_of_a_cycle_is_with_the_trained_head() -> None:
    prepare({"it": (method := RIFLE(cycles=2))}, model := tiny_model(), 1)
    outcome = finetune(model, small_task(), {"it": method}, replace(QUIET, learning_rate=1e-12), 1, CPU)
    first, last = outcome.outputs["validation"]
    prepare({}, plain := tiny_model(), 1)
    stays = finetune(plain, small_task(), {}, replace(QUIET, learning_rate=1e-12), 1, CPU)
    np.testing.assert_allclose(first, stays.outputs["validation"][0], atol=1e-6)
    assert np.abs(last - first).max() > 1e-3


def test_a_head_is_drawn_from_the_normal_distribution_and_every_head_from_its_own_stream() -> None:
    method = RIFLE(std=0.3)
    check_distribution(
        method.draw(torch.empty(300, 200), torch.Generator().manual_seed(0)), stats.norm(0, 0.3)
    )
    prepare({"it": method}, model := tiny_model(), 1)
    heads = []
    for number in (4, 7, 4):
        method.begin(number, 9)
        heads.append(model.get_parameter(HEAD).detach().clone())
    assert torch.equal(heads[0], heads[2])
    assert not torch.equal(heads[0], heads[1])


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES))
def test_the_whole_head_is_drawn_anew_and_nothing_else(kind: str) -> None:
    torch.manual_seed(0)
    model = ARCHITECTURES[kind]()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.5)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    encoder, method = encoder_of(model), RIFLE(cycles=2)
    method.attach(model, Context("it", 1, encoder))
    method.begin(3, 4)
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert moved == {name for name in before if encoder.in_head(name)} != set()


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("rifle.RIFLE", {"cycles": 0}, "cycles=0")
    check_refused("rifle.RIFLE", {"std": -0.1}, "std=-0.1")
