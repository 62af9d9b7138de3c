"""Probes measure what their papers' figures show, and change nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    XLNetConfig,
    XLNetForSequenceClassification,
)

from benchmark.config.compose import ROOT
from benchmark.config.identity import identity, run_id
from benchmark.config.schema import RunConfig, TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods import build as build_methods
from benchmark.methods import prepare
from benchmark.models import packing
from benchmark.models.architecture import encoder_of
from benchmark.probes import Probe, Probes, Subject
from benchmark.probes.linear_probe import LinearProbe, by_steps, ridge
from benchmark.probes.noise_attenuation import NoiseAttenuation
from benchmark.probes.norm_change import NormChange, norms
from benchmark.probes.token_similarity import TokenSimilarity, similarity
from benchmark.probes.weight_sensitivity import described, sensitivities
from benchmark.records.store import Store
from benchmark.runs.plugins import check_plugins
from benchmark.runs.run import Run, run
from benchmark.tasks.classification import Classification
from benchmark.testing import fixtures
from benchmark.testing.fixtures import (
    CPU,
    LAYERS,
    SHAPE,
    Interrupting,
    ProcessGoneError,
    same_weights,
    small_task,
    tiny_model,
)
from benchmark.training.course import batches
from benchmark.training.onlooker import NOBODY
from benchmark.training.snapshot import NEVER, Keeping, Snapshot
from helpers.tuning import finetune

PROTOCOL = replace(fixtures.PROTOCOL, epochs=3)
ALL = "probe=[norm_change,sensitivity,noise_attenuation,token_similarity,linear_probe_embedded]"
CHEAP = {
    "norm_change": {"_target_": "benchmark.probes.norm_change.NormChange", "every": 2},
    "noise_attenuation": {"_target_": "benchmark.probes.noise_attenuation.NoiseAttenuation"},
    "sensitivity": {"_target_": "benchmark.probes.weight_sensitivity.SensitivityOfWeights"},
    "token_similarity": {"_target_": "benchmark.probes.token_similarity.TokenSimilarity"},
}
HYPE = {"one": {"_target_": "benchmark.methods.hype.HyPe", "sigma": 0.1}}


def subject_of(model: Any, packed: bool = False, **changes: Any) -> Subject:
    encoder = encoder_of(model)
    hooks = packing.install(encoder) if packed else None
    config = RunConfig(protocol=replace(PROTOCOL, **changes))
    return Subject(config, model.eval(), encoder, small_task(), CPU, hooks)


def tuned(chosen: dict[str, Any], packed: bool = True, snapshot: Keeping = NEVER) -> tuple[Any, Any]:
    """A small fine-tuning with noise on hidden states, dropout and the probes ``chosen``."""
    model = tiny_model()
    methods = build_methods(HYPE)
    prepare(methods, model, 1)
    watch = Probes(RunConfig(protocol=PROTOCOL, probe=chosen)) if chosen else NOBODY
    return model, finetune(
        model, small_task(), list(methods.values()), PROTOCOL, 1, CPU, snapshot, packed, watch
    )


@dataclass
class Meddling(Probe):
    """Looks as hard as a probe may: passes and draws at every hook."""

    def begin(self, subject: Subject) -> None:
        torch.rand(3)
        self.look(subject)

    def updated(self, subject: Subject, done: int) -> None:
        self.look(subject)

    def look(self, subject: Subject) -> None:
        NoiseAttenuation(examples=3).end(subject)
        with subject.quiet():
            sensitivities(subject, 1)


@pytest.mark.parametrize("packed", [True, False])
def test_probes_leave_losses_logits_and_weights_as_they_are_bit_for_bit(packed: bool) -> None:
    alone, expected = tuned({}, packed)
    for chosen in (CHEAP, {"meddling": {"_target_": f"{__name__}.Meddling"}}):
        watched, found = tuned(chosen, packed)
        assert np.array_equal(found.losses, expected.losses)
        assert np.array_equal(found.outputs["validation"], expected.outputs["validation"])
        assert same_weights(alone, watched)
    assert expected.probed == {}


def test_a_run_with_probes_trains_the_same_and_is_a_run_of_its_own(tiny: Callable[..., Any]) -> None:
    plain, probed = tiny(), tiny(ALL)
    assert run_id(plain) != run_id(probed)
    assert run_id(probed) != run_id(tiny("probe=[norm_change]"))
    without, with_probes = run(Run(plain)), run(Run(probed))
    assert without.curve == with_probes.curve
    store = Store(plain.store)
    found = store.arrays(with_probes.run_id)
    for key, array in store.arrays(without.run_id).items():
        assert np.array_equal(found[key], array), key
    names = {key.split("/")[1] for key in found if key.startswith("probe/")}
    assert names == set(probed.probe)
    assert found["probe/linear_probe/comparison/validation/accuracy"].shape == (3,)
    assert with_probes.seconds.probes > 0 == without.seconds.probes


def test_probes_are_no_part_of_what_names_a_run_without_any(tiny: Callable[..., Any]) -> None:
    assert "probe" not in identity(tiny())
    assert run_id(tiny()) == run_id(tiny("probe=[]"))


def test_what_probes_keep_survives_an_interruption(tmp_path: Path) -> None:
    _, straight = tuned(CHEAP)
    store = Store(tmp_path)
    with pytest.raises(ProcessGoneError):
        tuned(CHEAP, snapshot=Interrupting(store, "a", 0, {}, stop=5))
    _, continued = tuned(CHEAP, snapshot=Snapshot(store, "a", None, {}))
    assert continued.resumed == 1
    assert continued.probed["probe/norm_change/steps"].tolist() == [0, 2, 4, 6, 8, 9]
    for key, array in straight.probed.items():
        np.testing.assert_array_equal(continued.probed[key], array, err_msg=key)


def test_a_run_that_diverged_has_no_probes() -> None:
    model = tiny_model()
    watch = Probes(RunConfig(protocol=PROTOCOL, probe=CHEAP))
    torch.nn.init.constant_(model.classifier.bias, float("nan"))
    outcome = finetune(model, small_task(), [], PROTOCOL, 1, CPU, watch=watch)
    assert outcome.diverged is not None
    assert outcome.probed == {}


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "probe").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_probe_that_there_is_a_file_for_can_be_built(path: Path, tiny: Callable[..., Any]) -> None:
    config = tiny(f"probe=[{path.stem}]")
    check_plugins(config)
    (probe,) = Probes(config).probes.values()
    assert probe.paper


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"_target_": "benchmark.probes.norm_change.NormChange", "every": 0}, "every=0"),
        ({"_target_": "benchmark.probes.norm_change.NormChange", "evry": 1}, "did you mean 'every'?"),
        ({"_target_": "benchmark.methods.noisytune.NoisyTune"}, "not a benchmark.probes.Probe"),
        ({"_target_": "benchmark.probes.linear_probe.LinearProbe"}, "at least one task"),
        ({"every": 1}, r"with `_target_`; probe=\[mine\] chooses it"),
    ],
)
def test_a_probe_that_cannot_be_is_refused(settings: Any, said: str, tiny: Callable[..., Any]) -> None:
    with pytest.raises(BenchmarkError, match=said) as refusal:
        check_plugins(replace(tiny(), probe={"mine": settings}))
    assert "probe.mine" in str(refusal.value)


# --- What each measures ---------------------------------------------------------------------------------


def test_norms_are_summed_over_the_layers_by_kind() -> None:
    model = tiny_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    found = norms(subject_of(model))
    hidden, between = SHAPE["hidden_size"], SHAPE["intermediate_size"]
    assert found["intermediate.dense.weight"] == LAYERS * hidden * between / 2
    assert found["embeddings.word_embeddings.weight"] == SHAPE["vocab_size"] * hidden / 2
    assert found["classifier.weight"] == 2 * hidden / 2
    assert not any("layer." in kind for kind in found)


def test_the_change_of_a_norm_is_relative_to_the_start() -> None:
    model = tiny_model()
    subject, probe = subject_of(model), NormChange(every=2)
    probe.begin(subject)
    for done in (1, 2, 3):
        with torch.no_grad():
            model.classifier.weight.mul_(0.5)
        probe.updated(subject, done)
    found = probe.end(subject)
    change = dict(zip(found["kinds"].tolist(), found["change"], strict=True))
    assert found["steps"].tolist() == [0, 2, 3]
    assert change["classifier.weight"] == pytest.approx(-0.875)
    assert change["pooler.dense.weight"] == 0
    assert np.isnan(change["classifier.bias"])
    np.testing.assert_array_equal(found["start"], found["norms"][0])


@pytest.mark.parametrize("packed", [True, False])
def test_sensitivity_is_the_mean_size_of_weight_times_gradient(packed: bool) -> None:
    model = tiny_model(dropout=0.3)
    subject = subject_of(model, packed)
    with subject.quiet():
        found = sensitivities(subject, 2)
    expected = []
    stock, task = tiny_model().eval(), small_task()
    names = [name for name, _ in stock.named_parameters() if ".encoder." in name and "LayerNorm" not in name]
    for batch in ([0, 1, 2, 3], [4, 5, 6, 7]):
        stock.zero_grad()
        task.loss(stock(**task.batch(task.training, batch)).logits, task.training.targets[batch]).backward()
        weights = dict(stock.named_parameters())
        expected.append(torch.cat([(weights[n] * weights[n].grad).abs().flatten() for n in names]))
    np.testing.assert_allclose(found, torch.stack(expected).mean(0).detach(), rtol=1e-3, atol=1e-9)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_accumulated_sensitivities_are_those_of_whole_batches() -> None:
    model = tiny_model()
    whole, parts = (sensitivities(subject_of(model, micro_batch_size=size), 2) for size in (None, 3))
    np.testing.assert_allclose(whole, parts, rtol=1e-3, atol=1e-9)


def test_a_distribution_counts_every_value_once() -> None:
    found = described(np.array([0.0, 1e-6, 3e-6, 5.0], np.float32))
    assert found["counts"].sum() == 4
    assert found["counts"][0] == found["counts"][-1] == 1
    assert len(found["counts"]) == len(found["edges"]) + 1
    place = np.searchsorted(found["edges"], 3e-6)
    assert found["counts"][place] == 1
    assert found["std"] == pytest.approx(np.std([0, 1e-6, 3e-6, 5], ddof=1))
    assert found["quantiles"][found["levels"].tolist().index(0.5)] == pytest.approx(2e-6)


def test_insensitive_weights_and_the_part_of_the_most_sensitive_hundredth_are_shares() -> None:
    found = described(np.array([4e-8] * 50 + [6e-8] * 148 + [1e-3, 3e-3], np.float32))
    assert found["insensitive"] == pytest.approx(50 / 200)
    total = 50 * 4e-8 + 148 * 6e-8 + 4e-3
    assert found["top_share"] == pytest.approx(4e-3 / total)  # two of 200
    assert described(np.array([1e-6, 3e-6], np.float32))["top_share"] == pytest.approx(0.75)  # one at least
    assert np.isnan(described(np.zeros(3, np.float32))["top_share"])


def test_the_similarity_of_tokens_is_the_mean_over_their_pairs() -> None:
    states = torch.tensor([[[1.0, 0], [0, 2], [3, 3]], [[1, 0], [5, 0], [0, 0]], [[1, 1], [0, 0], [0, 0]]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0]])
    expected = [(0 + 2 * 0.5**0.5) / 3, 1.0]  # the third example has no pair
    np.testing.assert_allclose(similarity(states, mask), expected)


def test_layers_that_do_nothing_hand_noise_on_as_it_is() -> None:
    model = tiny_model()
    for layer in encoder_of(model).layers:
        layer.forward = lambda state, *_, **__: state  # type: ignore[method-assign]
    found = NoiseAttenuation(share=0.2).end(subject_of(model))
    np.testing.assert_allclose(found["relative"], 0.2 * np.triu(np.ones((LAYERS, LAYERS))), rtol=1e-4)


def xlnet() -> Any:
    torch.manual_seed(0)
    config = XLNetConfig(vocab_size=32, d_model=8, n_layer=3, n_head=2, d_inner=12, pad_token_id=1)
    return XLNetForSequenceClassification(config)


def test_noise_has_its_share_of_every_example_whatever_the_model() -> None:
    for model in (tiny_model(), xlnet()):
        found = NoiseAttenuation().end(subject_of(model))["relative"]
        np.testing.assert_allclose(np.diag(found), 0.05, rtol=1e-3)
        assert (found[np.triu_indices_from(found)] > 0).all()
        assert not found[np.tril_indices_from(found, -1)].any()


@pytest.mark.parametrize("probe", [NoiseAttenuation(), TokenSimilarity()], ids=["noise", "similarity"])
def test_states_are_the_same_with_and_without_padding(probe: Probe) -> None:
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(**SHAPE))
    padded = probe.end(subject_of(copy.deepcopy(model)))
    packed = subject_of(model, packed=True)
    assert packed.packing is not None
    assert packed.packing.first_only
    for key, array in probe.end(packed).items():
        np.testing.assert_allclose(array, padded[key], rtol=1e-3, atol=1e-6, err_msg=key)
    assert packed.packing.first_only


def test_a_ridge_regression_solves_its_equation() -> None:
    rng = torch.Generator().manual_seed(0)
    states = torch.randn(50, 3, generator=rng).double() * torch.tensor([1.0, 10.0, 0.0]) + 4
    wanted = (2 * states[:, :1] - states[:, 1:2] + 7).double()
    exact = ridge(states, wanted, {"x": states}, 1e-12)["x"]
    torch.testing.assert_close(exact, wanted, rtol=1e-6, atol=1e-6)
    shrunk = ridge(states, wanted, {"x": states}, 1e9)["x"]
    torch.testing.assert_close(shrunk, wanted.mean().expand_as(wanted), rtol=1e-6, atol=1e-4)


def test_evaluations_have_the_loss_on_their_examples() -> None:
    _, outcome = tuned({})
    task = small_task()
    last = torch.from_numpy(outcome.outputs["validation"][-1])
    assert outcome.curve[-1].losses == {
        "validation": pytest.approx(task.loss(last, task.training.targets).item())
    }


@pytest.mark.parametrize("labels", [["no", "yes", "perhaps"], []])
def test_heads_learn_by_the_papers_steps_and_do_not_know_of_each_other(labels: list[str]) -> None:
    rng = torch.Generator().manual_seed(0)
    states = torch.randn(2, 37, 5, generator=rng)
    targets = torch.arange(37) % 3 if labels else torch.randn(37, generator=rng)
    task = replace(small_task(), kind=Classification(labels))
    heads = by_steps(states, targets, task, 1e-2, 3, 16)
    for layer in (0, 1):
        head = torch.nn.Linear(5, len(labels) or 1)
        for parameter in head.parameters():
            torch.nn.init.zeros_(parameter)
        adam = torch.optim.Adam(head.parameters(), 1e-2)
        for indices in batches(37, 16, 9, 0):
            logits, wanted = head(states[layer, indices]), targets[indices]
            loss = (
                functional.cross_entropy(logits, wanted)
                if labels
                else functional.mse_loss(logits[:, 0], wanted)
            )
            adam.zero_grad()
            loss.backward()
            adam.step()
        torch.testing.assert_close(heads(states)[layer], head(states[layer]).detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("solver", ["steps", "ridge"])
def test_a_linear_probe_finds_what_a_state_says(solver: str) -> None:
    """Heads of either solver learn a label that one unit of the last layer spells out."""
    task = replace(small_task(), kind=Classification(["no", "yes"]))
    targets = torch.arange(200) % 2
    noise = torch.randn(2, 200, 4, generator=torch.Generator().manual_seed(0))
    told = noise.clone()
    told[1, :, 0] = 4.0 * targets - 2
    probe = LinearProbe(tasks={"one": TaskConfig()}, solver=solver, learning_rate=1e-2)
    found = probe.predictions(task, told, targets, {"x": told})["x"]
    assert found.shape == (2, 200, 2)
    right = (found.argmax(-1) == targets).double().mean(-1)
    assert right[1] == 1 > right[0]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"solver": "stepz"}, "unknown solver 'stepz'.*did you mean 'steps'"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"learning_rate": 0.0}, r"learning_rate=0\.0: must be above 0"),
    ],
)
def test_a_recipe_of_heads_that_is_none_is_refused(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(BenchmarkError, match=line):
        LinearProbe(tasks={"one": TaskConfig()}, **settings)
