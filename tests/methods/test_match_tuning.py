"""Match-Tuning's head reads means of like examples in training, for every architecture, and the example itself elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmark.config.schema import TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods import prepare
from benchmark.methods.match_tuning import MatchTuning, last_layer
from benchmark.methods.rdrop import RDrop
from benchmark.models import masks, packing
from benchmark.models.architecture import encoder_of
from benchmark.step.passes import total_loss
from benchmark.testing.fixtures import PROTOCOL
from helpers.models import ARCHITECTURES
from helpers.refusals import check_refused
from helpers.small_models import batch, bert, check_active_training, small_step, step_of

QUIET = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def test_mixtures_are_those_by_hand() -> None:
    state = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    # Products 1, 0, 0, 4 over a temperature of 0.5: shares of the others are 1 / (1 + e^2) and 1 / (1 + e^8).
    first, second = 1 / (1 + torch.tensor(2.0).exp()), 1 / (1 + torch.tensor(8.0).exp())
    expected = torch.stack([torch.stack([1 - first, 2 * first]), torch.stack([second, 2 * (1 - second)])])
    mixed = MatchTuning(temperature=0.5).matched(state)
    torch.testing.assert_close(mixed, expected)
    mixed[0, 1].backward()
    assert state.grad is not None
    assert state.grad.ne(0).all()  # through the shares, too


def test_an_example_alone_is_itself_and_like_ones_share() -> None:
    state = torch.tensor([[1.0, -3.0]])
    torch.testing.assert_close(MatchTuning(temperature=0.3).matched(state), state)
    torch.testing.assert_close(MatchTuning(temperature=0.3).matched(state.repeat(3, 1)), state.repeat(3, 1))


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES))
def test_the_last_layer_of_every_head_reads_mixtures_in_training_alone(kind: str) -> None:
    torch.manual_seed(0)
    model = ARCHITECTURES[kind]().eval()
    step = small_step(lengths=(5, 3, 4), model=model)
    model.eval()
    last, seen = last_layer(encoder_of(model)), []
    handle = last.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    with torch.no_grad():
        stock = model(**step.inputs).logits
    handle.remove()
    method = MatchTuning(temperature=2.0)
    prepare({"it": method}, model, 1)
    with torch.no_grad():
        assert torch.equal(model(**step.inputs).logits, stock)
        last.train()  # alone, so that no dropout is on
        torch.testing.assert_close(model(**step.inputs).logits, last.eval()(method.matched(seen[0])))
    assert seen[0].shape[0] == 3
    assert seen[0].ndim == 2


def test_without_padding_it_matches_the_same() -> None:
    losses = []
    for packed in (False, True):
        model = bert(**QUIET)
        masks.install(model)
        prepare({"it": (method := MatchTuning(temperature=0.4))}, model, 1)
        step = step_of(model, batch())
        if packed:
            step.packing = packing.install(encoder_of(model))
            assert step.packing is not None
        losses.append(total_loss(step, [method]))
    torch.testing.assert_close(*losses)


def test_the_passes_of_another_method_are_matched_apart() -> None:
    """In one doubled batch, examples would be matched with themselves under other dropout."""
    logits = []
    for methods in ({}, {"rdrop": RDrop()}):
        model, acting = bert(), {"it": MatchTuning()} | methods
        masks.install(model)
        prepare(acting, model, 1)
        step = small_step(model=model)
        step.packing = packing.install(encoder_of(model))
        total_loss(step, list(acting.values()))
        logits.append(step.logits)
    torch.testing.assert_close(*logits)


@pytest.mark.parametrize(
    ("protocol", "task", "says"),
    [
        (
            {},
            {"kind": "tagging"},
            "task.kind=tagging .*: match-tuning is for tasks of whole texts; valid: classification",
        ),
        ({"micro_batch_size": 2}, {}, "micro_batch_size=2 of 4: match-tuning needs the whole batch"),
    ],
)
def test_what_it_cannot_match_is_refused(protocol: dict[str, Any], task: dict[str, Any], says: str) -> None:
    config = TaskConfig(**{"name": "t", "labels": ["a", "b"], **task})
    with pytest.raises(BenchmarkError, match=says):
        MatchTuning().check(replace(PROTOCOL, **protocol), config)
    MatchTuning().check(PROTOCOL, TaskConfig(name="t", labels=[]))  # a regression has examples, too


def test_it_changes_training() -> None:
    check_active_training(MatchTuning())


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("match_tuning.MatchTuning", {"temperature": 0.0}, "temperature=0.0")
