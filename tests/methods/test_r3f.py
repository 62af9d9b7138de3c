"""R3F and R4F equal their equations and reference values, and plain fine-tuning at lambda 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy import stats
from torch.nn import functional

from benchmark.methods.common import divergences as measures
from benchmark.methods.common.spectral import SpectralLayer
from benchmark.methods.r3f import R3F
from benchmark.step.passes import total_loss
from benchmark.testing.fixtures import PROTOCOL, tuned_with
from benchmark.training import best_weights
from helpers import vectors
from helpers.draws import check_fresh
from helpers.losses import (
    check_neutral,
    check_own_stream,
    check_regression,
    check_repeats,
    check_short_precision_is_warned_of,
    check_trains,
    configured,
)
from helpers.refusals import check_refused
from helpers.small_models import small_step
from helpers.toys import attached, classifier_step, compare_gradients, logits_step, scripted
from helpers.vectors import Case


@vectors.drives("r3f")
def test_r3f_equals_its_reference_values(case: Case) -> None:
    regression, training = case.hyper["regression_target"], case.hyper["training"]
    noise = case.choose("noise_type", {"normal": "normal", "uniform": "uniform"})
    step = classifier_step(case, regression)
    size, draw = case.hyper["eps"], case.tensor("noise")
    settings = {"strength": case.hyper["r3f_lambda"], "sigma": size, "noise": noise, "regression": "none"}
    method = attached(scripted(R3F, [draw / size], **settings), step)
    case.close(step.logits, "logits_clean")
    # An evaluation asks no method for anything; attaching one has changed nothing.
    loss = total_loss(step, [method] if training else []) * int(case["sample_size"])
    loss.backward()
    case.close(loss, "loss")
    # Theirs went through float32, whose rounding is beside the entries of 1 that it rounds.
    compare_gradients(case, step.model, atol=2e-7)
    if training and not regression:
        noised = attached(scripted(R3F, [draw / size], sigma=size), step).noised_logits(step)
        case.close(noised, "logits_noised")
        term = measures.symmetric_kl(step.logits, noised).mean() * int(case["sample_size"])
        case.close(term, "symm_kl_logged", atol=1e-6)


def test_r3f_by_hand() -> None:
    # Equal odds against 3 to 1: both KLs together are log(3) / 4.
    passes = [torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(3), 0.0]])]
    step = logits_step(passes, torch.tensor([0]))
    loss = total_loss(step, [R3F(strength=0.6, fidelity="released")])
    assert loss.item() == pytest.approx(math.log(2) + 0.6 * math.log(3) / 4)
    step = logits_step([torch.tensor([[1.0]]), torch.tensor([[3.0]])], torch.tensor([0.0]), regression=True)
    assert total_loss(step, [R3F(strength=0.6, fidelity="released")]).item() == pytest.approx(1 + 0.6 * 4)


def test_both_passes_learn_by_hand() -> None:
    passes = [torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(3), 0.0]])]
    step = logits_step(passes, torch.tensor([0]))
    total_loss(step, [R3F(strength=0.6, fidelity="released")]).backward()
    first, second = (logits.grad[0, 0].item() for logits in step.model.seen)
    # Of the clean pass's cross-entropy, p - 1; of both divergences, p [log(p / q) - KL(p || q)] + p - q.
    assert first == pytest.approx(1 / 2 - 1 + 0.6 * (-math.log(3) / 4 - 1 / 4))
    assert second == pytest.approx(0.6 * (3 / 4 * math.log(3) / 4 + 1 / 4))


@pytest.mark.parametrize(("noise", "unit"), [("normal", stats.norm()), ("uniform", stats.uniform(-1, 2))])
def test_noise_is_drawn_in_every_pass_from_the_distribution_it_names(noise: str, unit: Any) -> None:
    method = attached(R3F(noise=noise, sigma=0.5), small_step())
    check_fresh(lambda: method.noised(torch.zeros(60, 60)) / 0.5, unit)


@pytest.mark.parametrize("fidelity", ["paper", "released"])
@pytest.mark.parametrize("dropout", ["independent", "shared", "off"])
def test_the_second_pass_has_the_dropout_that_it_is_told(dropout: str, fidelity: str) -> None:
    """Without noise the two passes differ by their dropout alone; without it, both have none."""
    step = small_step(dropout=0.1)
    method = attached(R3F(sigma=0.0, dropout=dropout, fidelity=fidelity), step)
    noised = method.noised_logits(step)
    assert torch.equal(noised, step.logits) == (dropout == "shared")
    assert torch.equal(noised, small_step(dropout=0.0).logits) == (dropout == "off")
    assert (method.loss(step).item() > 1e-3) == (dropout == "independent")


def test_the_embedding_table_does_not_learn_through_the_noised_pass() -> None:
    step = small_step()
    clean = torch.autograd.grad(step.logits.sum(), step.encoder.words.weight, retain_graph=True)[0]
    assert clean.abs().sum() > 0
    noised = attached(R3F(sigma=0.1), step).noised_logits(step)
    assert torch.autograd.grad(noised.sum(), step.encoder.words.weight, allow_unused=True)[0] is None
    released = attached(R3F(fidelity="released"), step).noised_logits(step)
    assert torch.autograd.grad(released.sum(), step.encoder.words.weight)[0].abs().sum() > 0


def test_r4f_gives_the_head_the_largest_singular_value_one_and_keeps_its_names_and_its_bias() -> None:
    step = small_step()
    names = set(step.model.state_dict())
    head = step.model.classifier
    with torch.no_grad():
        head.weight.mul_(7)
        head.bias.copy_(torch.tensor([0.4, -1.3]))
    attached(method := R3F(spectral_head=True), step)
    method.begin(1, 10)
    assert set(step.model.state_dict()) == names
    state = torch.randn(5, head.in_features)
    normal = head.weight / torch.linalg.svdvals(head.weight)[0]
    bias = torch.tensor([0.4, -1.3])
    for mode in (True, False):
        torch.testing.assert_close(head.train(mode)(state), state @ normal.T + bias)
    with torch.no_grad():  # far more than an update would
        head.weight.add_(torch.randn_like(head.weight) * 0.01 * head.weight.std())
    for _ in range(20):
        head.train()(state)
    normal = head.weight / torch.linalg.svdvals(head.weight)[0]
    torch.testing.assert_close(head.eval()(state), state @ normal.T + bias, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("beside", "rate"),
    [
        ({}, 1e-3),
        ({"lp_ft": {"_target_": "benchmark.methods.lp_ft.LPFT", "epochs": 5, "rate": 1e-2}}, 1e-3),
        ({"ema": {"_target_": "benchmark.methods.ema.EMA"}}, 1e-2),
        ({"smart": {"_target_": "benchmark.methods.smart.SMART"}}, 1e-3),
    ],
    ids=repr,
)
def test_r4f_divides_whatever_weights_the_head_is_used_with(
    beside: dict[str, Any], rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, float]] = []
    divided = SpectralLayer.divided

    def watched(layer: SpectralLayer, module: Any, inputs: Any, output: Any) -> torch.Tensor:
        found, weight = divided(layer, module, inputs, output), layer.layer.weight
        exact = functional.linear(inputs[0], weight / torch.linalg.matrix_norm(weight, 2), layer.layer.bias)
        learning = module.training and torch.is_grad_enabled()
        seen.append((learning, ((found - exact).norm() / exact.norm()).item()))
        return found

    monkeypatch.setattr(SpectralLayer, "divided", watched)
    r4f = {"r4f": {"_target_": "benchmark.methods.r3f.R3F", "spectral_head": True}}
    tuned_with(r4f | beside, protocol=replace(PROTOCOL, epochs=3, learning_rate=rate))
    far = {learning: [size for kind, size in seen if kind == learning] for learning in (True, False)}
    assert max(far[False]) < 0.01
    assert max(far[True]) < 0.2  # one power iteration behind large updates
    assert far[True][0] < 1e-5


def test_r4f_goes_on_as_before_after_other_weights_were_evaluated() -> None:
    step = small_step()
    attached(method := R3F(spectral_head=True), step)
    method.begin(1, 10)
    head, state = step.model.classifier, torch.randn(5, step.model.classifier.in_features)
    best = {name: torch.randn_like(value) for name, value in head.state_dict().items()}
    kept = method.state()
    with torch.no_grad():
        before = head.eval()(state)
        with best_weights.replaced(head, best):
            expected = functional.linear(
                state, best["weight"] / torch.linalg.matrix_norm(best["weight"], 2), best["bias"]
            )
            torch.testing.assert_close(head(state), expected)
        with best_weights.replaced(head, {"weight": torch.full_like(head.weight, torch.nan)}):
            assert head(state).isnan().all()  # a run that diverged
        assert torch.equal(head(state), before)
    assert repr(method.state()) == repr(kept)


@pytest.mark.parametrize("kind", ["bert", "xlnet"])
def test_r3f_repeats_itself_and_its_gradients_are_numbers(kind: str) -> None:
    check_repeats(R3F, kind)


def test_noise_comes_from_the_methods_own_stream() -> None:
    check_own_stream(R3F, lambda method, step: method.noised(torch.zeros(2, 2)))


@pytest.mark.parametrize("dropout", ["independent", "shared", "off"])
def test_a_regression_has_a_finite_loss_in_every_dropout(dropout: str) -> None:
    check_regression(R3F(dropout=dropout))


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral(R3F(strength=0.0))


def test_the_clean_pass_keeps_its_dropout() -> None:
    expected = small_step(dropout=0.1).logits
    step = small_step(dropout=0.1)
    attached(R3F(), step).loss(step)
    assert torch.equal(step.logits, expected)


def test_noise_that_bfloat16_swallows_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    check_short_precision_is_warned_of(R3F(), caplog)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strength": -1.0}, "strength=-1.0"),
        ({"sigma": -1.0}, "sigma=-1.0"),
        ({"noise": "gaussian"}, "valid: normal, uniform"),
        ({"dropout": "of"}, "did you mean 'off'"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("r3f.R3F", settings, message)


@pytest.mark.parametrize("name", ["r3f", "r3f_released", "r4f"])
def test_every_configuration_trains(name: str, compose: Callable[..., Any]) -> None:
    check_trains(configured(compose, name))
