"""Every method that has a configuration works on every architecture, and none perturbs an evaluation."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import (
    PreTrainedModel,
)

from benchmark.config.compose import ROOT
from benchmark.methods import Context, Method, build, prepare
from benchmark.methods.hype import attention_block
from benchmark.models.architecture import captured_states, encoder_of, length_first
from benchmark.step.update import Update
from benchmark.tasks import Task
from benchmark.testing import fixtures
from benchmark.testing.checks import evaluation, excused
from benchmark.testing.fixtures import LAYERS, settings_of
from benchmark.training.evaluation import evaluate
from helpers.learning import FILES
from helpers.models import ARCHITECTURES
from helpers.tuning import finetune

PROTOCOL = replace(fixtures.PROTOCOL, batch_size=5, micro_batch_size=3, epochs=2, evaluations_per_epoch=1 / 2)


def tiny(architecture: str) -> PreTrainedModel:
    torch.manual_seed(0)
    model = ARCHITECTURES[architecture]()
    model.special_tokens = fixtures.SPECIAL
    return model


def small_task(architecture: str) -> Task:
    """Five random examples of unlike length, padded on the side that the architecture wants."""
    return fixtures.small_task(5, pad_left=architecture == "xlnet")


class Gradients(Method):
    """Keeps what the optimiser sees."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def gradient(self, update: Update) -> None:
        self.seen += [gradient.clone() for gradient in update.gradients]


@torch.no_grad()
def states_of(model: PreTrainedModel, task: Task) -> torch.Tensor:
    """What the head reads: the first token's state, or the last one's."""
    return model.eval().base_model(**task.batch(task.training, range(5)))[0][:, -1 if task.pad_left else 0]


def logits_of(model: PreTrainedModel, task: Task) -> np.ndarray:
    return evaluate(model, task, "float32", torch.device("cpu"))[0]["validation"]


def fine_tuned(model: PreTrainedModel, task: Task, methods: Sequence[Method]) -> Any:
    return finetune(model, task, methods, PROTOCOL, seed=1, device=torch.device("cpu"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_layers_of_an_encoder_are_found_and_reached(architecture: str) -> None:
    model = tiny(architecture).eval()
    encoder = encoder_of(model)
    task = small_task(architecture)
    inputs = task.batch(task.training, range(5))
    assert len(encoder.layers) == LAYERS
    assert encoder.words.weight.shape == (32, 8 if architecture != "electra" else 4)
    with captured_states(encoder) as states, torch.no_grad():
        last = model.base_model(**inputs)[0]
    assert len(states) == LAYERS + 1
    assert length_first(encoder) == (architecture == "xlnet")
    if architecture == "xlnet":
        states = [state.transpose(0, 1) for state in states]
    assert all(state.shape == (5, 7, 8) for state in states)
    assert torch.equal(states[-1], last)
    assert all(any(True for _ in attention_block(layer).parameters()) for layer in encoder.layers)
    depths = {encoder.depth(name) for name, _ in model.named_parameters()}
    assert depths == {None, *range(LAYERS)}
    assert any(encoder.in_head(name) for name, _ in model.named_parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", FILES.values())
def test_every_method_trains_every_architecture_and_evaluates_unperturbed(
    name: str, architecture: str
) -> None:
    if (name, architecture) == ("dora", "xlnet"):
        pytest.skip("PEFT adapts linear maps, and XLNet's queries and values are none")
    methods = build({name: settings_of(ROOT / "conf" / "method" / f"{name}.yaml")})
    model, task, gradients = tiny(architecture), small_task(architecture), Gradients()
    stock = copy.deepcopy(model)
    prepare(methods, model, 1)
    outcome = fine_tuned(model, task, [*methods.values(), gradients])
    assert outcome.diverged is None
    assert np.isfinite(outcome.losses).all()
    assert gradients.seen
    assert all(gradient.isfinite().all() for gradient in gradients.seen)
    assert any(gradient.any() for gradient in gradients.seen)
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    # A stock model with the same weights, by the same names, gives the same answers; adapters are modules of its own.
    methods[name].adapt(stock, Context(name, 1, encoder_of(stock)))
    stock.load_state_dict(model.state_dict(), strict=True)
    # Without padding the sums have another order, so that the last bits may differ.
    torch.testing.assert_close(states_of(model, task), states_of(stock, task))
    outputs = logits_of(model, task)
    if not excused(methods[name], evaluation):
        np.testing.assert_allclose(outputs, logits_of(stock, task), rtol=1e-5, atol=1e-6)
    with methods[name].evaluated(model):
        np.testing.assert_array_equal(logits_of(model, task), outcome.outputs["validation"][-1])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hidden_dropout_goes_and_attention_dropout_stays(architecture: str) -> None:
    model = tiny(architecture)
    attending = {
        name
        for name, part in model.named_modules()
        if isinstance(part, nn.Dropout) and name.endswith(("attention.self.dropout", "last_dropout"))
    }
    prepare(build({"no_dropout": {"_target_": "benchmark.methods.no_dropout.NoDropout"}}), model, 1)
    left = {name for name, part in model.named_modules() if isinstance(part, nn.Dropout) and part.p > 0}
    assert left == attending
    assert left
