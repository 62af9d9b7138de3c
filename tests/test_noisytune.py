"""NoisyTune equals its equation, its reference values, and plain fine-tuning at lambda 0."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification
from vectors import FOLDER

from benchmark.config.compose import ROOT
from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.methods import Context, build
from benchmark.methods.noisytune import NoisyTune

VECTORS = FOLDER / "noisytune"
CONTEXT = Context("noisytune", 1, None)  # NoisyTune needs no map of the encoder
VARIANTS = {
    "matrix_uniform": ("uniform", "matrix"),
    "matrix_gauss": ("gaussian", "matrix"),
    "matrix_gauss_samevar": ("gaussian_matched", "matrix"),
    "global_uniform": ("uniform", "global"),
    "global_gauss": ("gaussian", "global"),
}


class Stub(nn.Module):
    """A model of named tensors, with the two handles a pretrained model has."""

    base_model_prefix = "encoder"

    def __init__(self, weights: dict[str, np.ndarray], words: str | None = None) -> None:
        super().__init__()
        for name, value in weights.items():
            self.register_parameter(name.replace(".", "-"), nn.Parameter(torch.from_numpy(value.copy())))
        self.words = nn.Module()
        self.words.weight = self.get_parameter(words.replace(".", "-")) if words else None

    def get_input_embeddings(self) -> nn.Module:
        return self.words


class Scripted(NoisyTune):
    """NoisyTune whose draws are given instead of random."""

    def draw(self, weight: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return self.noises.pop(0)


def small_bert(outputs: int = 2, **changes: Any) -> BertForSequenceClassification:
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return BertForSequenceClassification(BertConfig(vocab_size=20, num_labels=outputs, **shape | changes))


def test_a_two_by_two_weight_moves_by_half_lambda_times_its_std_at_most() -> None:
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    NoisyTune(intensity=0.15).add_noise([weight], [torch.tensor([[0.5, -0.5], [0.0, 0.25]])])
    std = (5 / 3) ** 0.5  # squares 2.25 + 0.25 + 0.25 + 2.25 = 5, over n - 1 = 3
    expected = torch.tensor([[1 + 0.075 * std, 2 - 0.075 * std], [3.0, 4 + 0.0375 * std]])
    torch.testing.assert_close(weight, expected)


@pytest.mark.parametrize("case", ["glue_lambda015", "multilingual_skip_words_lambda01"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_equals_its_reference_values(case: str, variant: str) -> None:
    if not VECTORS.is_dir():
        pytest.skip("no reference values at ../shared/vectors beside the repository")
    arrays = np.load(VECTORS / f"{case}.npz", allow_pickle=False)
    names = [key.removeprefix("theta:") for key in arrays.files if key.startswith("theta:")]
    noise, scale = VARIANTS[variant]
    multilingual = case.startswith("multilingual")
    model = Stub({name: arrays[f"theta:{name}"] for name in names}, words="embeddings.word")
    method = Scripted(
        intensity=0.1 if multilingual else 0.15,
        noise=noise,
        scale=scale,
        perturb_word_embeddings=not multilingual,
    )
    unit = "unit_uniform" if noise == "uniform" else "unit_normal"
    perturbed = [name for name in names if not (multilingual and name == "embeddings.word")]
    method.noises = [torch.from_numpy(arrays[f"{unit}:{name}"]) for name in perturbed]
    method.perturb(model, CONTEXT)
    for name in names:
        got = model.get_parameter(name.replace(".", "-")).detach().numpy()
        np.testing.assert_allclose(got, arrays[f"{variant}:{name}"], rtol=1e-7, atol=0, err_msg=name)


def test_the_public_reimplementation_gives_the_same_weights() -> None:
    if not VECTORS.is_dir():
        pytest.skip("no reference values at ../shared/vectors beside the repository")
    arrays = np.load(VECTORS / "hype_noise_tune.npz", allow_pickle=False)
    names = [key.removeprefix("theta:") for key in arrays.files if key.startswith("theta:")]
    model = Stub({name: arrays[f"theta:{name}"] for name in names})
    method = Scripted(intensity=0.15)
    method.noises = [
        torch.from_numpy(arrays[f"rand01:{name}"] - 0.5)
        if f"rand01:{name}" in arrays.files
        else torch.ones(1)
        for name in names
    ]
    method.perturb(model, CONTEXT)
    for name in names:
        np.testing.assert_allclose(model.get_parameter(name).detach(), arrays[f"after:{name}"], rtol=1e-7)


def test_a_one_output_head_is_not_turned_into_nan() -> None:
    model = small_bert(outputs=1)
    NoisyTune().perturb(model, CONTEXT)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("scale", ["matrix", "global"])
def test_constant_weights_stay_constant(scale: str) -> None:
    weights = [torch.full((3, 3), 0.5), torch.arange(4.0)]
    NoisyTune(scale=scale).add_noise(weights, [torch.rand(3, 3), torch.rand(4)])
    assert (weights[0] == 0.5).all()


def test_the_head_and_the_word_embeddings_can_be_left_alone() -> None:
    model = small_bert()
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
    model = small_bert()
    before = copy.deepcopy(model.state_dict())
    NoisyTune(intensity=0.0).perturb(model, CONTEXT)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("noise", ["uniform", "gaussian", "gaussian_matched"])
def test_the_noise_has_the_standard_deviation_it_should(noise: str) -> None:
    weight = torch.randn(400, 400, generator=torch.Generator().manual_seed(0))
    before = weight.clone()
    method = NoisyTune(intensity=0.2, noise=noise)
    method.add_noise([weight], [method.draw(weight, torch.Generator().manual_seed(1))])
    share = 1.0 if noise == "gaussian" else 12**-0.5
    assert (weight - before).std().item() == pytest.approx(0.2 * share * before.std().item(), rel=0.01)


def test_seeds_and_names_give_different_noise() -> None:
    draws = []
    for context in (CONTEXT, Context("noisytune", 2, None), Context("other", 1, None)):
        model = small_bert()
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
    with pytest.raises(BenchmarkError, match=r"method\.noisytune") as refusal:
        build({"noisytune": {"_target_": "benchmark.methods.noisytune.NoisyTune", **settings}})
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


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
