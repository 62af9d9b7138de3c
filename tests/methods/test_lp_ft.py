"""LP-FT trains the head as PyTorch's Adam does on the frozen encoder's features, and then everything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmark.errors import BenchmarkError
from benchmark.methods import build, prepare
from benchmark.methods.lp_ft import LPFT
from benchmark.randomness import Seeds, derive
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from benchmark.training.assemble import Training, assembled
from benchmark.training.course import batches
from helpers.refusals import check_refused
from helpers.small_models import check_neutral_training
from helpers.tuning import finetune

HEAD = {"classifier.weight", "classifier.bias"}


def surveyed(method: LPFT, **protocol: Any) -> Training:
    """A training after the head's stage."""
    model = tiny_model()
    prepare({"it": method}, model, 1)
    training = assembled(
        model, small_task(), {"it": method}, replace(PROTOCOL, **protocol), Seeds.all(1), CPU
    )
    training.learner.survey()
    return training


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("micro", [None, 2])
def test_the_head_is_that_of_pytorchs_adam_on_frozen_features(epochs: int, micro: int | None) -> None:
    ours = surveyed(LPFT(epochs=epochs, rate=0.02), micro_batch_size=micro).model
    theirs, task = tiny_model().eval(), small_task()
    optimizer = torch.optim.Adam(theirs.classifier.parameters(), lr=0.02)
    for _ in range(epochs):
        for batch in batches(12, PROTOCOL.batch_size, 3, derive(1, "survey")):
            with torch.no_grad():
                features = theirs.bert(**task.batch(task.training, batch)).pooler_output
            loss = torch.nn.functional.cross_entropy(
                theirs.classifier(features), task.training.targets[batch]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for name, weight in ours.named_parameters():
        torch.testing.assert_close(weight, theirs.get_parameter(name), rtol=1e-4, atol=1e-6)


def test_the_encoder_keeps_its_bits_and_learns_afterwards() -> None:
    model = surveyed(LPFT(rate=0.02)).model
    for name, weight in tiny_model().named_parameters():
        assert torch.equal(weight, model.get_parameter(name)) == (name not in HEAD)
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())


def test_the_second_stage_is_plain_fine_tuning_from_that_head() -> None:
    """Updates, schedule and moments are the protocol's, as if the head had been the checkpoint's."""
    method = LPFT(rate=0.02)
    prepare({"it": method}, model := tiny_model(), 1)
    outcome = finetune(model, small_task(), {"it": method}, PROTOCOL, 1, CPU)
    start = surveyed(LPFT(rate=0.02)).model.state_dict()
    plain = tiny_model()
    plain.load_state_dict(start)
    expected = finetune(plain, small_task(), {}, PROTOCOL, 1, CPU)
    assert (outcome.losses == expected.losses).all()
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in model.state_dict().items())


def test_no_epochs_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(LPFT(epochs=0))


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("lp_ft.LPFT", {"epochs": -1}, "epochs=-1")
    check_refused("lp_ft.LPFT", {"rate": 0.0}, "rate=0.0")


def test_a_pull_of_the_head_to_its_random_start_is_refused() -> None:
    lp_ft = {"_target_": "benchmark.methods.lp_ft.LPFT"}
    prior = {"_target_": "benchmark.methods.prior_wd.PriorWD"}
    for settings in ({"_target_": "benchmark.methods.rifle.RIFLE"}, lp_ft):
        build({"head": settings, "prior_wd": prior})
        with pytest.raises(BenchmarkError, match="set PriorWD's fidelity=paper"):
            build({"head": settings, "prior_wd": prior | {"fidelity": "released"}})
    build({"lp_ft": lp_ft | {"epochs": 0}, "prior_wd": prior | {"fidelity": "released"}})
