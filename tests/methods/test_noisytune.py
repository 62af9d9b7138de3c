"""NoisyTune equals its equation, its reference values, and plain fine-tuning at lambda 0."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest
import torch
from scipy import stats
from torch import nn

from benchmark.config.compose import ROOT
from benchmark.config.schema import RunConfig
from benchmark.methods import Context
from benchmark.methods.noisytune import NoisyTune
from benchmark.testing import settings_of
from benchmark.testing.fixtures import made_ready, tiny_model, tuned
from helpers import vectors
from helpers.draws import check_distribution
from helpers.refusals import check_refused
from helpers.selections import Selection, selects
from helpers.small_models import of_kind, tiny
from helpers.toys import scripted
from helpers.vectors import Case

CONTEXT = Context("noisytune", 1, None)  # NoisyTune needs no map of the encoder
#: The arrays of the reference that our variants make; ``global_uniform_literal`` moves constant tensors too.
VARIANTS = {
    "matrix_uniform": ("uniform", "matrix"),
    "matrix_gauss": ("gaussian", "matrix"),
    "matrix_gauss_samevar": ("gaussian_matched", "matrix"),
    "global_uniform": ("uniform", "global"),
    "global_gauss": ("gaussian", "global"),
}
SAMPLE = "sample standard deviation, n-1; 0 for tensors of one element"


class Stub(nn.Module):
    """A model of named tensors, with the two handles a pretrained model has."""

    base_model_prefix = "encoder"

    def __init__(self, weights: dict[str, torch.Tensor], words: str | None = None) -> None:
        super().__init__()
        for name, value in weights.items():
            self.register_parameter(name.replace(".", "-"), nn.Parameter(value.clone()))
        self.words = nn.Module()
        self.words.weight = self.get_parameter(words.replace(".", "-")) if words else None

    def get_input_embeddings(self) -> nn.Module:
        return self.words


def compare(case: Case, model: Stub, prefix: str) -> None:
    for name in case.keyed("theta"):
        case.close(model.get_parameter(name.replace(".", "-")), f"{prefix}:{name}")


@vectors.drives("noisytune")
def test_noisytune_equals_its_reference_values(case: Case) -> None:
    case.only("std", SAMPLE)
    skipped = list(case.hyper.get("skip", []))
    if len(skipped) > 1:
        case.skip(f"skip={skipped}: the token embeddings alone can be left out")
    if case.keyed("after"):
        return check_released(case)
    weights = case.keyed("theta")
    for variant, (noise, scale) in VARIANTS.items():
        model = Stub(weights, *skipped)
        unit = case.keyed("unit_uniform" if noise == "uniform" else "unit_normal")
        method = scripted(
            NoisyTune,
            [unit[name] for name in weights if name not in skipped],
            intensity=case.hyper["noise_lambda"],
            noise=noise,
            scale=scale,
            perturb_word_embeddings=not skipped,
        )
        method.perturb(model, CONTEXT)
        assert not method.draws
        compare(case, model, variant)


def check_released(case: Case) -> None:
    """The public re-implementation, which draws nothing for a tensor of one element."""
    weights, drawn = case.keyed("theta"), case.keyed("rand01")
    noises = [drawn[name] - 0.5 if name in drawn else torch.ones(1) for name in weights]
    model = Stub(weights)
    scripted(NoisyTune, noises, intensity=case.hyper["noise_lambda"]).perturb(model, CONTEXT)
    compare(case, model, "after")


@selects("noisytune_paper_snippet")
def test_every_parameter_is_perturbed(case: Selection) -> None:
    model = of_kind(case)
    case.equal(names_of(model, NoisyTune()))


@selects("noisytune_skip_multilingual")
def test_the_word_embeddings_alone_are_left_out(case: Selection) -> None:
    model = of_kind(case)
    case.equal(names_of(model, NoisyTune()) - names_of(model, NoisyTune(perturb_word_embeddings=False)))


def names_of(model: Any, method: NoisyTune) -> set[str]:
    """The names of the parameters that ``method`` perturbs."""
    chosen = {id(weight) for weight in method.weights(model)}
    return {name for name, weight in model.named_parameters() if id(weight) in chosen}


def test_a_two_by_two_weight_moves_by_half_lambda_times_its_std_at_most() -> None:
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    NoisyTune(intensity=0.3).add_noise([weight], [torch.tensor([[0.5, -0.5], [0.0, 0.25]])])
    std = (5 / 3) ** 0.5  # squares 2.25 + 0.25 + 0.25 + 2.25 = 5, over n - 1 = 3
    expected = torch.tensor([[1 + 0.15 * std, 2 - 0.15 * std], [3.0, 4 + 0.075 * std]])
    torch.testing.assert_close(weight, expected)


def test_one_scale_for_all_is_the_deviation_of_all_weights_together() -> None:
    weights = [torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([10.0, 20.0])]
    NoisyTune(intensity=0.3, scale="global").add_noise(
        weights, [torch.full((4,), 0.5), torch.full((2,), -0.5)]
    )
    move = 0.15 * stdev([1, 2, 3, 4, 10, 20])
    torch.testing.assert_close(weights[0], torch.tensor([1.0, 2.0, 3.0, 4.0]) + move)
    torch.testing.assert_close(weights[1], torch.tensor([10.0, 20.0]) - move)


def test_a_one_output_head_is_not_turned_into_nan() -> None:
    model = tiny(outputs=1)
    NoisyTune().perturb(model, CONTEXT)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("scale", ["matrix", "global"])
def test_constant_weights_stay_constant(scale: str) -> None:
    weights = [torch.full((3, 3), 0.5), torch.arange(4.0)]
    NoisyTune(scale=scale).add_noise(weights, [torch.rand(3, 3), torch.rand(4)])
    assert (weights[0] == 0.5).all()


def test_the_head_and_the_word_embeddings_can_be_left_alone() -> None:
    model = tiny()
    before = copy.deepcopy(model.state_dict())
    NoisyTune(perturb_head=False, perturb_word_embeddings=False).perturb(model, CONTEXT)
    unchanged = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    assert {"classifier.weight", "bert.embeddings.word_embeddings.weight"} <= unchanged
    assert "bert.embeddings.position_embeddings.weight" not in unchanged
    assert "bert.encoder.layer.0.attention.self.query.weight" not in unchanged


def test_a_multilingual_model_keeps_its_word_embeddings(compose: Callable[..., RunConfig]) -> None:
    settings = compose("method=[noisytune]", "model.multilingual=true").method
    assert settings["noisytune"]["perturb_word_embeddings"] is False


def test_lambda_zero_leaves_every_bit_alone() -> None:
    model = tiny()
    before = copy.deepcopy(model.state_dict())
    NoisyTune(intensity=0.0).perturb(model, CONTEXT)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("noise", "unit", "std"),
    [
        ("uniform", stats.uniform(-0.5, 1), 12**-0.5),
        ("gaussian", stats.norm(), 1.0),
        ("gaussian_matched", stats.norm(), 12**-0.5),  # its draws are scaled down when they are added
    ],
)
def test_the_noise_is_drawn_from_the_distribution_it_names(noise: str, unit: Any, std: float) -> None:
    weight = torch.randn(400, 400, generator=torch.Generator().manual_seed(0))
    before, method = weight.clone(), NoisyTune(intensity=0.2, noise=noise)
    draw = method.draw(weight, torch.Generator().manual_seed(1))
    check_distribution(draw, unit)
    method.add_noise([weight], [draw])
    moved = (weight - before) / before.std()
    assert moved.std().item() == pytest.approx(0.2 * std, rel=0.01)
    assert moved.mean().item() == pytest.approx(0, abs=0.001)


def test_every_tensor_has_noise_of_its_own() -> None:
    draw = torch.Generator().manual_seed(0)
    weights = {f"w{i}": torch.randn(60, 60, generator=draw, dtype=torch.float64) for i in range(4)}
    model = Stub(weights)
    NoisyTune(intensity=0.2).perturb(model, CONTEXT)
    noises = [(model.get_parameter(n) - before) / (0.2 * before.std()) for n, before in weights.items()]
    check_distribution(torch.stack(noises), stats.uniform(-0.5, 1))


def test_seeds_and_names_give_different_noise() -> None:
    draws = []
    for context in (CONTEXT, Context("noisytune", 2, None), Context("other", 1, None)):
        model = tiny()
        NoisyTune().perturb(model, context)
        draws.append(model.classifier.weight.detach().clone())
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"intensity": -0.1}, "intensity=-0.1"),
        ({"noise": "unifrom"}, "did you mean 'uniform'"),
        ({"scale": "matrx"}, "did you mean 'matrix'"),
        ({"intensity": "much"}, "'much'"),
        ({"lambda": 0.1}, "lambda"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("noisytune.NoisyTune", settings, message)


def test_every_variant_of_the_paper_has_a_configuration() -> None:
    names = {path.stem for path in Path(ROOT / "conf" / "method").glob("noisytune*.yaml")}
    variants = {
        "gaussian",
        "gaussian_matched",
        "uniform_global",
        "gaussian_global",
        "gaussian_matched_global",
    }
    assert {"noisytune", *(f"noisytune_{variant}" for variant in variants)} == names


def test_noise_below_the_steps_of_bfloat16_stays_in_the_weights_which_are_float32() -> None:
    settings = settings_of(ROOT / "conf" / "method" / "noisytune.yaml") | {"intensity": 1e-4}
    learnt = tuned(settings, protocol={"precision": "bfloat16"}).model
    assert {weight.dtype for weight in learnt.parameters()} == {torch.float32}
    noised, plain = (dict(model.named_parameters()) for model in (made_ready(settings), tiny_model()))
    changed = (
        plain["bert.encoder.layer.0.output.dense.weight"]
        != noised["bert.encoder.layer.0.output.dense.weight"]
    )
    rounded = [weights["bert.encoder.layer.0.output.dense.weight"].bfloat16() for weights in (plain, noised)]
    assert changed.float().mean() > 0.9
    assert (rounded[0] != rounded[1]).float().mean() < 0.1
