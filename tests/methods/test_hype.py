"""HyPe equals its equation and its reference values, in training alone, and plain fine-tuning at sigma 0."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from scipy import stats
from torch import nn

from benchmark.errors import BenchmarkError
from benchmark.methods import Context, prepare
from benchmark.methods.hype import HyPe
from benchmark.models.architecture import encoder_of
from helpers import vectors
from helpers.draws import check_distribution
from helpers.perturbed_pass import compare_perturbed_pass, layers_of, position_of
from helpers.refusals import check_refused
from helpers.small_models import batch, bert, check_neutral_pass, step_of, xlnet
from helpers.toys import scripted
from helpers.vectors import Case

#: The authors' uniform noise is U(0, 1).
NOISES = {"normal": "normal", "uniform": "uniform01"}


@vectors.drives("hype")
def test_hype_equals_its_reference_values(case: Case) -> None:
    noise = case.choose("type", NOISES)
    method = scripted(
        HyPe,
        [],
        sigma=case.hyper["sigma"],
        noise=noise,
        position=position_of(case),
        layers=layers_of(case),
    )
    compare_perturbed_pass(case, method)


@pytest.mark.parametrize(
    ("noise", "unit"),
    [("normal", stats.norm()), ("uniform", stats.uniform(-1, 2)), ("uniform01", stats.uniform(0, 1))],
)
def test_noise_is_drawn_from_the_distribution_it_names(noise: str, unit: Any) -> None:
    draw = HyPe(noise=noise).draw(torch.empty(60, 60, 30), torch.Generator().manual_seed(0))
    assert draw.dtype == torch.float32
    check_distribution(draw, unit)


def test_every_layer_has_noise_of_its_own() -> None:
    """The difference between what a layer hands on and the next receives is sigma times a fresh normal draw."""
    model = bert()
    handed, received = [], []
    method = HyPe(sigma=0.3)
    for layer in model.bert.encoder.layer:
        layer.register_forward_pre_hook(lambda _, args: handed.append(args[0]))
    prepare({"hype": method}, model, 1)
    for layer in model.bert.encoder.layer:
        layer.register_forward_pre_hook(lambda _, args: received.append(args[0]))
    inputs = {"input_ids": torch.arange(5, 29).repeat(30, 1)}
    model.train()(**inputs)
    noises = [(after - before).detach() / 0.3 for before, after in zip(handed, received, strict=True)]
    assert len(noises) == 3
    check_distribution(torch.stack(noises), stats.norm())


@pytest.mark.parametrize(("position", "draws"), [("between", 3), ("inside", 3), ("both", 6)])
def test_hype_can_act_inside_the_layers(position: str, draws: int) -> None:
    model = bert(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    attended, received = [], []
    for layer in model.bert.encoder.layer:
        layer.intermediate.register_forward_pre_hook(lambda _, args: received.append(args[0]))
    noises = [torch.full((3, 6, 16), float(i + 1)) for i in range(draws)]
    method = scripted(HyPe, noises, sigma=0.5, position=position)
    prepare({"hype": method}, model, 1)
    for layer in model.bert.encoder.layer:
        layer.attention.output.register_forward_hook(lambda _, args, output: attended.append(output))
    model.train()(**batch())
    assert not method.draws
    expected = [0.0, 0.0, 0.0] if position == "between" else list(range(1, draws + 1))
    expected = expected if position != "both" else expected[1::2]
    for before, after, noise in zip(attended, received, expected, strict=True):
        torch.testing.assert_close(after - before, torch.full_like(after, 0.5 * noise))


def test_evaluation_has_no_noise() -> None:
    prepare({"it": HyPe(sigma=0.5)}, model := bert(), 1)
    expected = bert().eval()(**batch()).logits
    assert torch.equal(model.eval()(**batch()).logits, expected)
    assert not torch.equal(model.train()(**batch()).logits, expected)


def test_hype_switches_off_hidden_dropout_alone() -> None:
    prepare({"it": HyPe()}, model := bert(), 1)
    rates = {name: part.p for name, part in model.named_modules() if isinstance(part, nn.Dropout)}
    assert {name for name, rate in rates.items() if rate > 0} == {
        f"bert.encoder.layer.{i}.attention.self.dropout" for i in range(3)
    }
    prepare({"it": HyPe(hidden_dropout=True)}, model := bert(), 1)
    assert all(part.p == 0.1 for part in model.modules() if isinstance(part, nn.Dropout))


def test_xlnet_has_one_rate_for_hidden_states_and_attention_and_keeps_that_of_its_summary() -> None:
    model = xlnet(n_layer=2)
    prepare({"hype": HyPe()}, model, 1)
    rates = {name: part.p for name, part in model.named_modules() if isinstance(part, nn.Dropout)}
    assert {name for name, rate in rates.items() if rate > 0} == {"sequence_summary.last_dropout"}


def test_noise_that_bfloat16_would_swallow_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    for sigma, precision, warnings in ((1e-5, "bfloat16", 1), (0.1, "bfloat16", 0), (1e-5, "float32", 0)):
        caplog.clear()
        model = bert()
        prepare({"hype_n": HyPe(sigma=sigma)}, model, 1)
        for number in range(2):
            step = step_of(model.train(), batch(), number)
            step.precision = precision
            assert step.logits.isfinite().all()
        assert len(caplog.records) == warnings
        assert all(
            "method.hype_n.sigma=1e-05" in r.getMessage() and r.levelno == logging.WARNING
            for r in caplog.records
        )


def test_half_precision_states_stay_half_precision(caplog: pytest.LogCaptureFixture) -> None:
    method = HyPe(sigma=1e-4)
    method.attach(bert(), Context("hype", 1, encoder_of(bert())))
    assert method.noised(torch.zeros(2, 3, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert "bfloat16" in caplog.text


def test_noise_is_the_same_for_a_seed_and_another_for_another() -> None:
    logits = []
    for seed in (1, 1, 2):
        model = bert()
        prepare({"hype": HyPe(sigma=0.1)}, model, seed)
        step = step_of(model.train(), batch())
        logits.append((step.logits.detach(), step.forward("shared").detach()))
    assert torch.equal(logits[0][0], logits[1][0])
    assert not torch.equal(logits[0][0], logits[2][0])
    assert not torch.equal(logits[0][0], logits[0][1])  # the noise of a second pass is fresh


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_pass(HyPe(sigma=0, hidden_dropout=True))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma": -1.0}, "sigma=-1.0"),
        ({"noise": "normla"}, "did you mean 'normal'"),
        ({"position": "betwen"}, "did you mean 'between'"),
        ({"layers": []}, "layers=[]"),
        ({"layers": [1, 1]}, "twice"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("hype.HyPe", settings, message)


@pytest.mark.parametrize("layers", [[0], [4]])
def test_a_layer_that_the_encoder_does_not_have_is_refused(layers: list[int]) -> None:
    with pytest.raises(BenchmarkError, match=rf"layers={layers[0]}: .* 1 to 3"):
        prepare({"it": HyPe(layers=layers)}, bert(), 1)
