"""LNSR equals its equation, its reference values in every reading that is offered, and plain fine-tuning at 0."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn import functional

from benchmark.errors import BenchmarkError
from benchmark.methods import Context, Method, prepare
from benchmark.methods.common.hidden_noise import HiddenNoise
from benchmark.methods.lnsr import LNSR
from benchmark.models.architecture import captured_states, input_changed
from benchmark.step.passes import Step
from helpers import vectors
from helpers.draws import check_fresh
from helpers.refusals import check_refused
from helpers.small_models import (
    TASK,
    batch,
    bert,
    bert_of,
    check_neutral_pass,
    inputs_of,
    small_step,
    step_of,
    xlnet,
)
from helpers.toys import attached, compare_gradients, scripted
from helpers.vectors import Case

#: The readings of the paper's norm that are offered; the unsquared one and that of the first token are not.
READINGS = {
    "R_sum_batchmean": ("sum", "all"),
    "R_sum_real_batchmean": ("sum", "real"),
    "R_elementmean": ("mean", "all"),
    "R_elementmean_real": ("mean", "real"),
}
LAYER = (
    "y = LayerNorm(x + tanh(xW+b) + 0.5*mean over real tokens of x) * g + c, LayerNorm eps 1e-5, biased "
    "variance; gradients flow through both passes"
)


class Layer(nn.Module):
    """y = LayerNorm(x + tanh(xW + b) + 0.5 * mean over real tokens of x) * g + c."""

    def __init__(self, case: Case, number: int) -> None:
        super().__init__()
        for name in "Wbgc":
            setattr(self, name, nn.Parameter(case.tensor(f"L{number}_{name}")))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        mean = (x * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None]
        y = x + torch.tanh(x @ self.W + self.b) + 0.5 * mean
        return functional.layer_norm(y, y.shape[-1:], eps=1e-5) * self.g + self.c


class Doubling(nn.Module):
    """y = 2x."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return 2 * x


class Stack(nn.Module):
    """Layers one after the other, called as a model is."""

    base_model_prefix = "base"

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
        state = input_ids
        for layer in self.layers:
            state = layer(state, attention_mask)
        return SimpleNamespace(logits=state.mean(1))


def stack_step(method: LNSR, model: Stack, x: torch.Tensor, mask: torch.Tensor) -> Step:
    """A step with a stack, for which ``method`` is made ready."""
    encoder: Any = SimpleNamespace(layers=list(model.layers))
    HiddenNoise.attach(method, model, Context("lnsr", 1, encoder))
    method.length_first = False
    inputs = {"input_ids": x, "attention_mask": mask}
    return Step(model, encoder, TASK, inputs, torch.zeros(len(x)), 0, 1, seed=1)


def weights_of(case: Case) -> dict[str, Any]:
    """The weights of layers in a case: each one's own, or that of all."""
    weights = case.hyper.get("weights", 1.0)
    if isinstance(weights, str):
        case.only("weights", "1 for every layer b..L")
        return {}
    return {"weights": weights} if isinstance(weights, list) else {"scale": weights}


@vectors.drives("lnsr")
def test_lnsr_equals_its_reference_values(case: Case) -> None:
    readings = [reading for reading in READINGS if reading in case]
    assert readings, f"{case.label}: none of the arrays {', '.join(READINGS)}"
    for reading in readings:
        reduction, tokens = READINGS[reading]
        method = scripted(
            LNSR,
            [case.tensor("noise") / case.hyper["sigma"]],  # the file has it already scaled
            sigma=case.hyper["sigma"],
            layer=case.hyper["b"],
            **weights_of(case),
            reduction=reduction,
            tokens=tokens,
        )
        compare = compare_bert if "config" in case.hyper else compare_stack
        compare(case, method, reading)


def compare_stack(case: Case, method: Any, reading: str) -> None:
    case.only("layer", LAYER)
    model = Stack([Layer(case, k) for k in range(1, case.hyper["L"] + 1)])
    step = stack_step(method, model, case.tensor("x"), case.tensor("mask"))
    value = method.loss(step)
    case.close(value, reading)
    value.backward()
    first = case.hyper["b"]
    case.close(step.hidden_states[first - 1], "xb")
    for number, layer in enumerate(model.layers, 1):
        case.close(layer.W.grad, f"{reading}_gradW{number}", atol=1e-12)
        if number >= first:
            case.close(step.hidden_states[number], f"clean_{number}")


def compare_bert(case: Case, method: Any, reading: str) -> None:
    case.only("noise_at", "input of layer b (b=1: output of the embedding block)")
    model, scaled = bert_of(case), case.tensor("noise")
    prepare({"lnsr": method}, model, 1)
    step = step_of(model, inputs_of(case))
    value = method.loss(step)
    case.close(value, reading)
    case.close(step.logits, "logits_clean")
    for number, state in enumerate(step.hidden_states):
        case.close(state, f"hidden_clean_{number}")
    value.backward(retain_graph=True)
    compare_gradients(case, model, f"{reading}_grad", atol=1e-12)
    if reading == "R_sum_batchmean":
        task_loss = functional.cross_entropy(step.logits, case.tensor("labels"))
        case.close(task_loss, "loss_task")
        task_loss.backward()
        compare_gradients(case, model, "total_grad", atol=1e-12)
    first = case.hyper["b"]
    method.draws = [scaled / case.hyper["sigma"]]
    start = step.hidden_states[first - 1]
    noisy = method.noised_states(step, start)
    for number in range(first, len(noisy)):
        case.close(noisy[number], f"hidden_noisy_{number}")
    with input_changed(step.encoder.layers[first - 1], lambda _: start + scaled):
        case.close(step.forward("shared"), "logits_noisy")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Noise 0.3 u doubles in each layer: ||2 * 0.3 u||^2 + ||4 * 0.3 u||^2 = 20 * 0.09 * ||u||^2; of the
        # examples' real tokens ||u||^2 = 1 + 4 and 9, of all tokens 1 + 4 and 9 + 16.
        ({}, 1.8 * (5 + 9) / 2),
        ({"tokens": "all"}, 1.8 * (5 + 25) / 2),
        ({"reduction": "mean"}, 1.8 * (5 + 9) / 3),  # three real tokens of one unit
        ({"layer": 2}, 0.36 * (5 + 9) / 2),  # ||2 * 0.3 u||^2, of the last layer alone
        ({"weights": [0.5, 2.0]}, (0.5 * 4 + 2 * 16) * 0.09 * (5 + 9) / 2),
    ],
)
def test_lnsr_by_hand(settings: dict[str, Any], expected: float) -> None:
    unit = torch.tensor([[[1.0], [-2.0]], [[3.0], [4.0]]])
    method = scripted(LNSR, [unit], sigma=0.3, scale=0.7, **settings)
    mask = torch.tensor([[1, 1], [1, 0]])
    step = stack_step(method, Stack([Doubling(), Doubling()]), torch.ones(2, 2, 1), mask)
    assert method.loss(step).item() == pytest.approx(0.7 * expected)


def test_noise_is_normal_and_every_pass_has_its_own() -> None:
    method = attached(LNSR(sigma=0.5), small_step())
    check_fresh(lambda: method.noised(torch.zeros(60, 60)), stats.norm(0, 0.5))


def test_lnsr_without_noise_measures_dropout_only_where_it_is_independent() -> None:
    for dropout in ("shared", "independent", "off"):
        method, model = LNSR(sigma=1e-12, dropout=dropout), bert()
        prepare({"lnsr": method}, model, 1)
        value = method.loss(step_of(model.train(), batch())).item()
        assert value > 1e-3 if dropout == "independent" else value < 1e-12
    method = LNSR(sigma=0, dropout="independent")
    prepare({"lnsr": method}, model := bert(), 1)
    assert method.loss(step_of(model.train(), batch())).item() > 1e-3
    assert LNSR().dropout == "shared"


@pytest.mark.parametrize("examples", [3, 6])  # as many as there are tokens: the shape alone cannot tell
def test_lnsr_leaves_out_the_padding_of_xlnet(examples: int) -> None:
    model = xlnet(n_layer=2, n_head=2, d_inner=8)
    inputs = {"input_ids": torch.randint(5, 29, (examples, 6)), "attention_mask": torch.ones(examples, 6)}
    inputs["attention_mask"][0, :3] = 0
    method = LNSR(sigma=0.1)
    prepare({"lnsr": method}, model, 1)
    step = step_of(model.train(), inputs)
    rng = copy.deepcopy(method.rng) or method.context.stream()
    value = method.loss(step)
    start = step.hidden_states[0]
    disturbed = start + 0.1 * torch.randn(start.shape, generator=rng)
    with input_changed(step.encoder.layers[0], lambda _: disturbed), captured_states(step.encoder) as noisy:
        step.forward("shared")
    expected = sum(
        (after - before)[:, i][inputs["attention_mask"][i].bool()].square().sum() / examples
        for before, after in zip(step.hidden_states[1:], noisy[1:], strict=True)
        for i in range(examples)
    )
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("method", [LNSR(sigma=0), LNSR(scale=0), LNSR(weights=[0.0] * 3)], ids=repr)
def test_strength_zero_is_plain_fine_tuning_bit_for_bit(method: Method) -> None:
    check_neutral_pass(method)
    assert method.idle  # it costs no pass


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": -1.0}, "scale=-1.0"),
        ({"reduction": "total"}, "reduction"),
        ({"weights": [1.0, -1.0]}, "weights=[1.0, -1.0]"),
        ({"tokens": "rael"}, "did you mean 'real'"),
        ({"dropout": "same"}, "dropout"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("lnsr.LNSR", settings, message)


def test_a_layer_that_the_encoder_does_not_have_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"layer=0: .* 1 to 3"):
        prepare({"it": LNSR(layer=0)}, bert(), 1)
    with pytest.raises(BenchmarkError, match=r"2 numbers; layers 1 to 3 have 3"):
        prepare({"it": LNSR(weights=[1.0, 2.0])}, bert(), 1)
