"""LoRA and DoRA compute and learn as PEFT's own model does, from a stream of the run, in adapters and head alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import peft
import pytest
import torch

from benchmark.errors import BenchmarkError
from benchmark.methods import build, lora, prepare
from benchmark.methods.child_tuning import ChildTuningD
from benchmark.methods.hype import HyPe
from benchmark.methods.layer_decay import LayerDecay
from benchmark.methods.lora import LoRA
from benchmark.methods.noisytune import NoisyTune
from benchmark.methods.pats import PATS
from benchmark.methods.sage import SAGE
from benchmark.models import packing
from benchmark.models.architecture import encoder_of
from benchmark.records.store import Store
from benchmark.step.groups import parameter_groups
from benchmark.testing.fixtures import (
    CPU,
    PROTOCOL,
    Interrupting,
    ProcessGoneError,
    settings_of,
    small_task,
    tiny_model,
)
from helpers.models import ARCHITECTURES, CONFIGS, HEADS, inputs
from helpers.refusals import check_refused
from helpers.small_models import batch, bert, step_of, xlnet
from helpers.tuning import finetune

QUERY = "bert.encoder.layer.1.attention.self.query"
A, B = f"{QUERY}.lora_A.default.weight", f"{QUERY}.lora_B.default.weight"
LENGTH = f"{QUERY}.lora_magnitude_vector.default.weight"
KINDS = pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])


def adapted(model: Any = None, seed: int = 1, **hyper: Any) -> Any:
    """A model made ready."""
    model = bert() if model is None else model
    prepare({"it": LoRA(**hyper)}, model, seed)
    return model


def shaken(model: Any) -> Any:
    """``model`` with other weights in all trained tensors: B is no longer 0."""
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(0.3 * torch.randn(weight.shape, generator=draw))
    return model.eval()


@KINDS
def test_a_matrix_is_that_of_the_equation(dora: bool) -> None:
    model = shaken(adapted(rank=3, alpha=5.0, dora=dora))
    weights = dict(model.named_parameters())
    matrix = weights[f"{QUERY}.base_layer.weight"] + 5 / 3 * weights[B] @ weights[A]
    if dora:
        matrix = weights[LENGTH][:, None] * matrix / matrix.norm(dim=1, keepdim=True)
    state = torch.randn(2, 6, 16)
    expected = torch.nn.functional.linear(state, matrix, weights[f"{QUERY}.base_layer.bias"])
    torch.testing.assert_close(model.get_submodule(QUERY)(state), expected)


@KINDS
def test_losses_and_gradients_are_those_of_pefts_own_model(dora: bool) -> None:
    ours = shaken(adapted(rank=3, alpha=5.0, dora=dora))
    config = peft.LoraConfig(task_type="SEQ_CLS", r=3, lora_alpha=5, use_dora=dora)
    theirs = peft.get_peft_model(bert(), config).eval()
    their_names = {name: f"base_model.model.{name}" for name, _ in ours.named_parameters()}
    head = {
        f"classifier.{part}": f"base_model.model.classifier.modules_to_save.default.{part}"
        for part in ("weight", "bias")
    }
    parameters = dict(theirs.named_parameters())
    pairs = [
        (weight, parameters[(their_names | head)[name]])
        for name, weight in ours.named_parameters()
        if weight.requires_grad
    ]
    assert len(pairs) == sum(weight.requires_grad for weight in parameters.values())
    with torch.no_grad():
        for weight, other in pairs:
            other.copy_(weight)
    losses = [model(**batch(), labels=torch.tensor([0, 1, 1])).loss for model in (ours, theirs)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(*losses)
    for weight, other in pairs:
        torch.testing.assert_close(weight.grad, other.grad)


def test_it_starts_as_the_checkpoint_and_dora_up_to_rounding() -> None:
    expected = bert().eval()(**batch()).logits
    assert torch.equal(adapted().eval()(**batch()).logits, expected)
    torch.testing.assert_close(adapted(dora=True).eval()(**batch()).logits, expected)


@KINDS
def test_adapters_and_head_are_trained_and_nothing_else(dora: bool) -> None:
    model = adapted(tiny_model(), dora=dora, rank=2)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    finetune(model, small_task(), [LoRA()], PROTOCOL, 1, CPU)
    changed = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    adapters = {name for name in before if "lora_" in name}
    assert changed == adapters | {"classifier.weight", "classifier.bias"}
    assert len(adapters) == 4 * 2 * (3 if dora else 2)  # layers, queries and values, tensors of each


def test_adapters_are_drawn_from_the_runs_own_stream() -> None:
    torch.manual_seed(5)
    kept = torch.get_rng_state()
    first, other, again = tiny_model(), tiny_model(), tiny_model()
    torch.set_rng_state(kept)
    adapted(first)
    assert torch.equal(torch.get_rng_state(), kept)
    torch.manual_seed(6)
    adapted(again)
    adapted(other, seed=2)
    assert torch.equal(first.get_parameter(A), again.get_parameter(A))
    assert not torch.equal(first.get_parameter(A), other.get_parameter(A))
    assert not first.get_parameter(B).any()


def test_matrices_of_adapters_decay_and_lengths_do_not() -> None:
    groups = parameter_groups(adapted(dora=True), 0.01, LoRA(rate=7.0).rate_factor)
    decays = {name: group.weight_decay for group in groups for name in group.names}
    assert decays[A] == decays[B] == 0.01
    assert decays[LENGTH] == 0.0
    assert {group.rate_factor for group in groups} == {7.0}


def test_adapters_are_parts_of_their_layers() -> None:
    model = adapted(dora=True)
    encoder = encoder_of(model)
    assert len(encoder.layers) == 3
    assert {encoder.depth(name) for name in (A, B, LENGTH)} == {1}
    assert not any(encoder.in_head(name) for name in (A, B, LENGTH))
    assert encoder.layer_norms() == encoder_of(bert()).layer_norms()
    for name in ("a", "z"):  # made ready before and after it
        decay, noise, child = LayerDecay(factor=0.5, top=0), PATS(), ChildTuningD()
        prepare({"lora": LoRA(), f"{name}_1": decay, f"{name}_2": noise, f"{name}_3": child}, bert(), 1)
        assert decay.rate_factor(A) == 0.5
        assert {A, B} <= noise.sensitivity.names & child.candidates


def test_noisytune_perturbs_the_frozen_weights_for_good_and_no_adapter() -> None:
    together, alone, noised = tiny_model(), tiny_model(), tiny_model()
    prepare({"lora": LoRA(), "noisytune": NoisyTune()}, together, 1)
    prepare({"lora": LoRA()}, alone, 1)
    prepare({"noisytune": NoisyTune()}, noised, 1)
    finetune(together, small_task(), [LoRA(), NoisyTune()], PROTOCOL, 1, CPU)
    kept = together.get_parameter(f"{QUERY}.base_layer.weight")
    assert torch.equal(kept, noised.get_parameter(f"{QUERY}.weight"))
    assert not torch.equal(kept, alone.get_parameter(f"{QUERY}.base_layer.weight"))
    prepare({"lora": LoRA(), "noisytune": NoisyTune()}, fresh := tiny_model(), 1)
    assert torch.equal(fresh.get_parameter(A), alone.get_parameter(A))


def test_hype_switches_off_hidden_dropout_and_not_that_of_adapters() -> None:
    model = tiny_model()
    prepare({"hype": HyPe(sigma=0.1), "lora": LoRA(dropout=0.25)}, model, 1)
    rates = {name: module.p for name, module in model.named_modules() if isinstance(module, torch.nn.Dropout)}
    of_adapters = {name for name in rates if "lora" in name}
    assert len(of_adapters) == 8
    assert {rates[name] for name in of_adapters} == {0.25}
    assert {rate for name, rate in rates.items() if name not in of_adapters} == {0.0, 0.1}  # of attention
    model.train()
    received: list[torch.Tensor] = []
    encoder_of(model).layers[1].register_forward_pre_hook(lambda _, given: received.append(given[0].detach()))
    step = step_of(model, batch())
    for _ in range(2):
        step.forward("shared")
    assert 0.05 < (received[0] - received[1]).std() < 0.3  # noise of its own in every pass


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm_r", "electra"])
@KINDS
def test_without_padding_it_computes_and_learns_the_same(kind: str, dora: bool) -> None:
    model = shaken(adapted(HEADS[kind][0](copy.deepcopy(CONFIGS[kind])), dora=dora, rank=2))

    def learnt() -> list[torch.Tensor]:
        model.zero_grad()
        logits = model(**inputs()).logits
        logits.square().sum().backward()
        return [logits.detach(), *(weight.grad for weight in model.parameters() if weight.requires_grad)]

    expected = [tensor.clone() for tensor in learnt()]
    assert packing.install(encoder_of(model)) is not None
    for tensor, other in zip(learnt(), expected, strict=True):
        torch.testing.assert_close(tensor, other, rtol=1e-4, atol=1e-5)


@KINDS
def test_a_run_with_it_needs_no_padding(dora: bool) -> None:
    assert not finetune(adapted(tiny_model(), dora=dora), small_task(), [LoRA()], PROTOCOL, 1, CPU).padded


def test_a_snapshot_holds_adapters_and_head_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = Interrupting(store, "small", 0, {}, 1)
    with pytest.raises(ProcessGoneError):
        finetune(adapted(tiny_model()), small_task(), [LoRA()], PROTOCOL, 1, CPU, snapshot)
    saved = torch.load(store.snapshot("small"), weights_only=True)["weights"]
    assert {name for name in saved if "lora_" not in name} == {"classifier.weight", "classifier.bias"}


def test_without_peft_it_is_refused_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lora, "find_spec", lambda name: None)
    check_refused("lora.LoRA", {}, "the package peft is not installed: pip install '.[peft]'")


@pytest.mark.parametrize(
    ("model", "targets", "says"),
    [
        (xlnet, None, "targets=null: PEFT cannot adapt a XLNet"),
        (bert, ["nothing"], r"targets=\['nothing'\]: PEFT cannot adapt"),
        (ARCHITECTURES["roberta"], ["dense"], "modules of the head too"),
    ],
)
def test_what_cannot_be_adapted_is_refused(model: Any, targets: list[str] | None, says: str) -> None:
    with pytest.raises(BenchmarkError, match=says) as refusal:
        adapted(model(), targets=targets)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"rate": 0.0}, "rate=0.0"),
        ({"rank": 0}, "rank=0"),
        ({"alpha": 0.0}, "alpha=0.0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"targets": []}, "targets=[]"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(hyper: dict[str, Any], message: str) -> None:
    check_refused("lora.LoRA", hyper, message)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"_target_": "benchmark.methods.mixout.Mixout"}, "frozen at their start"),
        ({"_target_": "benchmark.methods.reinit.ReInit"}, "would stay random"),
        ({"_target_": "benchmark.methods.bitfit.BitFit"}, "each freezes"),
        ({"_target_": "benchmark.methods.l2sp.L2SP"}, "not in the checkpoint"),
        ({"_target_": "benchmark.methods.recadam.RecAdam"}, "not in the checkpoint"),
        ({"_target_": "benchmark.methods.sage.SAGE", "fidelity": "released"}, "set SAGE's fidelity=paper"),
    ],
    ids=lambda value: value["_target_"].rpartition(".")[2] if isinstance(value, dict) else "",
)
def test_what_has_no_meaning_beside_it_is_refused(other: dict[str, Any], says: str) -> None:
    with pytest.raises(BenchmarkError, match=says):
        build({"lora": {"_target_": "benchmark.methods.lora.LoRA"}, "other": other})


def test_the_released_sage_would_never_move_an_adapter() -> None:
    for fidelity, dead in (("released", True), ("paper", False)):
        model = tiny_model()
        methods = {"lora": LoRA(), "sage": SAGE(fidelity=fidelity)}
        prepare(methods, model, 1)
        finetune(model, small_task(), methods, PROTOCOL, 1, CPU)
        assert bool(model.get_parameter(B).any()) != dead


def test_its_files_differ_in_dora_alone() -> None:
    ours, theirs = (settings_of(Path("conf/method") / f"{name}.yaml") for name in ("lora", "dora"))
    assert ours | {"dora": True} == theirs
