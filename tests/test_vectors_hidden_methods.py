"""HyPe, FT+Noise, LNSR, Mixout, Top-K and Re-init equal their reference values, through the methods' own hooks."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import vectors
from torch import nn
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLNetConfig,
    XLNetForSequenceClassification,
)
from vectors import Case

from benchmark.errors import BenchmarkError
from benchmark.methods import Context, build, prepare
from benchmark.methods.common.hidden_noise import HiddenNoise
from benchmark.methods.ft_noise import FTNoise
from benchmark.methods.hype import HyPe
from benchmark.methods.lnsr import LNSR
from benchmark.methods.mixout import MixedLinear, Mixout
from benchmark.methods.no_dropout import NoDropout
from benchmark.methods.reinit import ReInit
from benchmark.methods.top_k import TopK
from benchmark.models.architecture import captured_states, encoder_of, input_changed
from benchmark.step.passes import Step

SHAPE = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 24}


#: What a step needs of its task here: the logits as they are.
TASK: Any = SimpleNamespace(read=lambda output, inputs, targets: output.logits)


class Scripted:
    """A method whose draws are given instead of random."""

    def draw(self, *_: Any) -> torch.Tensor:
        return self.draws.pop(0)


class ScriptedHyPe(Scripted, HyPe): ...


class ScriptedFTNoise(Scripted, FTNoise): ...


class ScriptedLNSR(Scripted, LNSR): ...


class ScriptedMixout(Scripted, Mixout): ...


def close(got: torch.Tensor, wanted: np.ndarray, atol: float = 0.0) -> None:
    np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=1e-7, atol=atol)


def bert_of(case: Case) -> BertForSequenceClassification:
    """The stock model of a case, in float64 and training mode."""
    config = BertConfig(**case.hyper["config"], attn_implementation="eager")
    model = BertForSequenceClassification(config).double().train()
    model.load_state_dict(case.keyed("w"), strict=True)
    return model


def inputs_of(case: Case) -> dict[str, torch.Tensor]:
    return {key: case.tensor(key) for key in ("input_ids", "attention_mask", "token_type_ids")}


def step_of(model: nn.Module, inputs: dict[str, torch.Tensor], number: int = 0) -> Step:
    targets = torch.zeros(len(inputs["input_ids"]), dtype=torch.long)
    return Step(model, encoder_of(model), TASK, inputs, targets, number, 10, seed=1)


def check_perturbed_pass(case: Case, method: HiddenNoise) -> None:
    """The clean pass, the perturbed one and its gradients are those of ``case``."""
    model, inputs, labels = bert_of(case), inputs_of(case), case.tensor("labels")
    close(model(**inputs).logits, case["logits_clean"])
    prepare({"it": method}, model, 1)
    method.draws = [case.tensor(f"noise_raw_{i}") for i in range(case.count("noise_raw"))]
    received, outputs = [], []
    encoder = encoder_of(model)
    for layer in encoder.layers:
        layer.register_forward_pre_hook(lambda _, args: received.append(args[0]))
        layer.register_forward_hook(lambda _, args, output: outputs.append(output))
    logits = model(**inputs).logits
    loss = functional.cross_entropy(logits, labels)
    loss.backward()
    assert not method.draws
    close(logits, case["logits"])
    close(loss, case["loss"])
    for number, state in enumerate(received):
        close(state, case[f"layer_input_{number}"])
    for number, output in enumerate(outputs, 1):
        # What a layer returns is what the authors report for it: the next one's noise is not in it.
        close(output[0] if isinstance(output, tuple) else output, case[f"hidden_reported_{number}"])
    for name, gradient in case.keyed("grad").items():
        close(model.get_parameter(name).grad, gradient.numpy(), atol=1e-12)
    model.eval()
    close(model(**inputs).logits, case["logits_clean"])


@pytest.mark.parametrize("name", vectors.names("hype"))
def test_hype_equals_the_released_code(name: str) -> None:
    case = vectors.load("hype", name)
    layers = case.hyper["layer_range"]
    noise = {"normal": "normal", "uniform": "uniform01"}[case.hyper["type"]]
    assert set(case["noise_order"].tolist()) == {0 if noise == "normal" else 1}
    numbers = layers and [number + 1 for number in layers]
    check_perturbed_pass(case, ScriptedHyPe(sigma=case.hyper["sigma"], noise=noise, layers=numbers))


@pytest.mark.parametrize("name", vectors.names("ft_noise"))
def test_ft_noise_equals_hype_restricted_to_one_layer(name: str) -> None:
    case = vectors.load("ft_noise", name)
    (layer,) = case.hyper["layer_range"]
    check_perturbed_pass(case, ScriptedFTNoise(sigma=case.hyper["sigma"], layer=layer + 1))


# --- LNSR

READINGS = {
    "R_sum_batchmean": ("sum", "all"),
    "R_sum_real_batchmean": ("sum", "real"),
    "R_elementmean": ("mean", "all"),
    "R_elementmean_real": ("mean", "real"),
}


class ToyLayer(nn.Module):
    """y = LayerNorm(x + tanh(xW + b) + 0.5 * mean over real tokens of x) * g + c."""

    def __init__(self, case: Case, number: int) -> None:
        super().__init__()
        for name in "Wbgc":
            setattr(self, name, nn.Parameter(case.tensor(f"L{number}_{name}")))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        mean = (x * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None]
        y = x + torch.tanh(x @ self.W + self.b) + 0.5 * mean
        return functional.layer_norm(y, y.shape[-1:], eps=1e-5) * self.g + self.c


class Toy(nn.Module):
    """A stack of such layers, called as a model is."""

    base_model_prefix = "base"

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.layers = nn.ModuleList([ToyLayer(case, k) for k in range(1, case.hyper["L"] + 1)])

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
        state = input_ids
        for layer in self.layers:
            state = layer(state, attention_mask)
        return SimpleNamespace(logits=state.mean(1))


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("name", ["b1_L3", "b2_L4"])
def test_lnsr_on_a_toy_stack_gives_every_reading_of_the_paper(name: str, reading: str) -> None:
    case = vectors.load("lnsr", name)
    model = Toy(case)
    encoder = SimpleNamespace(layers=list(model.layers))
    reduction, tokens = READINGS[reading]
    method = ScriptedLNSR(
        sigma=case.hyper["sigma"], layer=case.hyper["b"], reduction=reduction, tokens=tokens
    )
    HiddenNoise.attach(method, model, Context("lnsr", 1, encoder))
    method.length_first = False
    method.draws = [case.tensor("noise") / case.hyper["sigma"]]  # the file has it already scaled
    inputs = {"input_ids": case.tensor("x"), "attention_mask": case.tensor("mask")}
    step = Step(model, encoder, TASK, inputs, torch.zeros(len(inputs["input_ids"])), 0, 1, seed=1)
    value = method.loss(step)
    close(value, case[reading])
    value.backward()
    close(step.hidden_states[case.hyper["b"] - 1], case["xb"])
    for number, layer in enumerate(model.layers, 1):
        if number < case.hyper["b"]:
            close(layer.W.grad, case[f"{reading}_gradW{number}"], atol=1e-12)
        else:
            close(layer.W.grad, case[f"{reading}_gradW{number}"], atol=1e-12)
            close(step.hidden_states[number], case[f"clean_{number}"])


@pytest.mark.parametrize("reading", READINGS)
def test_lnsr_on_bert_gives_every_reading_of_the_paper(reading: str) -> None:
    case = vectors.load("lnsr", "bert_b1")
    model, sigma = bert_of(case), case.hyper["sigma"]
    reduction, tokens = READINGS[reading]
    method = ScriptedLNSR(sigma=sigma, layer=case.hyper["b"], reduction=reduction, tokens=tokens)
    prepare({"lnsr": method}, model, 1)
    scaled = case.tensor("noise")
    method.draws = [scaled / sigma]
    step = step_of(model, inputs_of(case))
    value = method.loss(step)
    close(value, case[reading])
    close(step.logits, case["logits_clean"])
    for number, state in enumerate(step.hidden_states):
        close(state, case[f"hidden_clean_{number}"])
    value.backward(retain_graph=True)
    for name, gradient in case.keyed(f"{reading}_grad").items():
        close(model.get_parameter(name).grad, gradient.numpy(), atol=1e-12)
    if reading == "R_sum_batchmean":
        task_loss = functional.cross_entropy(step.logits, case.tensor("labels"))
        close(task_loss, case["loss_task"])
        task_loss.backward()
        for name, gradient in case.keyed("total_grad").items():
            close(model.get_parameter(name).grad, gradient.numpy(), atol=1e-12)
    method.draws = [scaled / sigma]
    noisy = method.noised_states(step, step.hidden_states[0])
    for number in range(1, len(noisy)):
        close(noisy[number], case[f"hidden_noisy_{number}"])
    with input_changed(step.encoder.layers[0], lambda _: step.hidden_states[0] + scaled):
        close(step.forward("shared"), case["logits_noisy"])


# --- Mixout


def scripted_mixout(case: Case, **settings: Any) -> ScriptedMixout:
    method = ScriptedMixout(probability=case.hyper["p"], **settings)
    method.context, method.rng = None, torch.Generator()
    method.draws = [case.tensor("mask")] if "mask" in case else [torch.ones(case["w"].shape)]
    return method


@pytest.mark.parametrize("kind", ["reference", "exact"])
@pytest.mark.parametrize("name", vectors.names("mixout"))
def test_mixout_equals_the_released_code_and_the_exact_derivative(name: str, kind: str) -> None:
    case = vectors.load("mixout", name)
    method = scripted_mixout(case, reference_grad=kind == "reference")
    if "x" in case:
        return check_mixed_linear(case, method, kind)
    if not case.hyper.get("training", True):
        return check_mixed_evaluation(case, method)
    weight = case.tensor("w").requires_grad_()
    target = case.tensor("target") if "target" in case else torch.zeros_like(weight)
    output = method.mixed(weight, target)
    close(output, case["output"], atol=1e-14)
    output.backward(case.tensor("grad_out"))
    if f"grad_{kind}" in case:
        close(weight.grad, case[f"grad_{kind}"])


def check_mixed_linear(case: Case, method: Mixout, kind: str) -> None:
    linear = nn.Linear(case["weight"].shape[1], case["weight"].shape[0]).double()
    linear.load_state_dict({"weight": case.tensor("weight"), "bias": case.tensor("bias")})
    mixed = MixedLinear(linear, case.tensor("target"), method.mixed).train()
    assert mixed.weight is linear.weight
    assert mixed.bias is linear.bias
    x = case.tensor("x").requires_grad_()
    y = mixed(x)
    close(y, case["y_train"], atol=1e-14)
    y.backward(case.tensor("grad_y"))
    close(x.grad, case["grad_x"], atol=1e-14)
    shrink = 1.0 if kind == "reference" else 1 - case.hyper["p"]
    close(linear.weight.grad * shrink, case["grad_weight_reference"], atol=1e-14)
    close(linear.bias.grad, case["grad_bias"])
    close(mixed.eval()(x), case["y_eval"], atol=1e-14)


def check_mixed_evaluation(case: Case, method: Mixout) -> None:
    linear = nn.Linear(*case["w"].shape[::-1], bias=False).double()
    linear.load_state_dict({"weight": case.tensor("w")})
    mixed = MixedLinear(linear, case.tensor("target"), method.mixed).eval()
    mixed(torch.eye(case["w"].shape[1], dtype=torch.double)).backward(case.tensor("grad_out").T)
    close(mixed(torch.eye(case["w"].shape[1], dtype=torch.double)).T, case["output"])
    close(linear.weight.grad, case["grad_reference"])


# --- which parameters

MODELS: dict[str, Callable[..., nn.Module]] = {
    "bert": lambda **more: BertForSequenceClassification(BertConfig(vocab_size=29, **SHAPE, **more)),
    "xlmroberta": lambda **more: XLMRobertaForSequenceClassification(
        XLMRobertaConfig(vocab_size=29, **SHAPE, **more)
    ),
}


def selection(kind: str) -> dict[str, list[str]]:
    """What the references select in a model, by the first word of the list's name."""
    path = vectors.FOLDER / "parameter_selection.json"
    if not path.is_file():
        pytest.skip("no reference values of the parameter selection")
    lists = json.loads(path.read_text())["models"][kind]
    return {name.split(" ")[0]: found for name, found in lists.items()}


@pytest.mark.parametrize("kind", MODELS)
def test_top_k_trains_what_the_reference_trains(kind: str) -> None:
    wanted, model = selection(kind)["top_k_tuned_k1"], MODELS[kind]()
    prepare({"top_k": TopK(k=1)}, model, 1)
    assert {name for name, p in model.named_parameters() if p.requires_grad} == set(wanted)


@pytest.mark.parametrize("kind", MODELS)
def test_reinit_draws_what_the_reference_draws(kind: str) -> None:
    wanted, model = selection(kind)["reinit_k1"], MODELS[kind]()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 7.0)
    prepare({"reinit": ReInit(layers=1)}, model, 1)
    changed = {name: p for name, p in model.named_parameters() if (p != 7).all()}
    assert set(changed) == set(wanted)
    for name, parameter in changed.items():
        if name.endswith("bias"):
            assert (parameter == 0).all()
        elif "LayerNorm" in name:
            assert (parameter == 1).all()
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.15)


@pytest.mark.parametrize("kind", MODELS)
def test_mixout_swaps_the_linear_modules_and_no_name_changes(kind: str) -> None:
    wanted, model = selection(kind)["mixout_linear_modules_all"], MODELS[kind]()
    parameters = dict(model.named_parameters())
    keys = list(model.state_dict())
    prepare({"mixout": Mixout(modules="all_linear")}, model, 1)
    assert {name for name, part in model.named_modules() if isinstance(part, MixedLinear)} == set(wanted)
    assert list(model.state_dict()) == keys
    assert all(parameter is parameters[name] for name, parameter in model.named_parameters())

    model = MODELS[kind]()
    prepare({"mixout": Mixout()}, model, 1)
    assert {name for name, part in model.named_modules() if isinstance(part, MixedLinear)} == {
        name for name in wanted if not name.startswith("classifier")
    }


# --- what is true without reference values


def small(**more: Any) -> BertForSequenceClassification:
    torch.manual_seed(0)
    return MODELS["bert"](**more).train()


def batch() -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 29, (3, 6), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    return {"input_ids": ids, "attention_mask": mask}


OFF = {
    "hype": lambda: HyPe(sigma=0, hidden_dropout=True),
    "ft_noise": lambda: FTNoise(sigma=0),
    "lnsr_sigma": lambda: LNSR(sigma=0),
    "lnsr_scale": lambda: LNSR(scale=0),
    "mixout": lambda: Mixout(probability=0),
    "top_k": lambda: TopK(k=3),
    "reinit": lambda: ReInit(layers=0),
}


@pytest.mark.parametrize("name", OFF)
def test_strength_zero_is_plain_fine_tuning_bit_for_bit(name: str) -> None:
    results = []
    for methods in ({}, {"it": OFF[name]()}):
        model = small()
        prepare(methods, model, 1)
        step = step_of(model.train(), batch())
        loss = functional.cross_entropy(step.logits, torch.tensor([0, 1, 0]))
        for method in methods.values():
            term = method.loss(step)
            loss = loss if term is None else loss + term
        loss.backward()
        results.append([step.logits.detach(), *(p.grad for p in model.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.parametrize(("noise", "low", "std"), [("normal", None, 1), ("uniform", -1, 3**-0.5), ("uniform01", 0, 12**-0.5)])  # fmt: skip
def test_hype_draws_from_the_distribution_it_names(noise: str, low: float | None, std: float) -> None:
    draw = HyPe(noise=noise).draw(torch.empty(200, 200, 5), torch.Generator().manual_seed(0))
    assert draw.dtype == torch.float32
    assert draw.std().item() == pytest.approx(std, rel=0.01)
    assert draw.mean().item() == pytest.approx(0.5 if noise == "uniform01" else 0, abs=0.01)
    if low is not None:
        assert low <= draw.min() < low + 0.01
        assert 0.99 < draw.max() <= 1


@pytest.mark.parametrize(("position", "draws"), [("between", 3), ("inside", 3), ("both", 6)])
def test_hype_can_act_inside_the_layers(position: str, draws: int) -> None:
    model = small(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    attended, received = [], []
    for layer in model.bert.encoder.layer:
        layer.intermediate.register_forward_pre_hook(lambda _, args: received.append(args[0]))
    method = ScriptedHyPe(sigma=0.5, position=position)
    prepare({"hype": method}, model, 1)
    for layer in model.bert.encoder.layer:
        layer.attention.output.register_forward_hook(lambda _, args, output: attended.append(output))
    method.draws = [torch.full((3, 6, 16), float(i + 1)) for i in range(draws)]
    model.train()(**batch())
    assert not method.draws
    expected = [0.0, 0.0, 0.0] if position == "between" else list(range(1, draws + 1))
    expected = expected if position != "both" else expected[1::2]
    for before, after, noise in zip(attended, received, expected, strict=True):
        torch.testing.assert_close(after - before, torch.full_like(after, 0.5 * noise))


def test_hype_switches_off_hidden_dropout_alone() -> None:
    for method in (HyPe(), NoDropout(), Mixout()):
        model = small()
        prepare({"it": method}, model, 1)
        rates = {name: part.p for name, part in model.named_modules() if isinstance(part, nn.Dropout)}
        assert {name for name, rate in rates.items() if rate > 0} == {
            f"bert.encoder.layer.{i}.attention.self.dropout" for i in range(3)
        }
    for method in (NoDropout(attention_dropout=False), Mixout(attention_dropout=False)):
        prepare({"it": method}, model := small(), 1)
        assert all(part.p == 0 for part in model.modules() if isinstance(part, nn.Dropout))
    for method in (HyPe(hidden_dropout=True), Mixout(hidden_dropout=True)):
        prepare({"it": method}, model := small(), 1)
        assert all(part.p == 0.1 for part in model.modules() if isinstance(part, nn.Dropout))


def test_xlnet_has_one_rate_for_hidden_states_and_attention_and_keeps_that_of_its_summary() -> None:
    model = XLNetForSequenceClassification(
        XLNetConfig(vocab_size=29, d_model=16, n_layer=2, n_head=2, d_inner=8)
    )
    prepare({"hype": HyPe()}, model, 1)
    rates = {name: part.p for name, part in model.named_modules() if isinstance(part, nn.Dropout)}
    assert {name for name, rate in rates.items() if rate > 0} == {"sequence_summary.last_dropout"}


def test_noise_that_bfloat16_would_swallow_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    for sigma, precision, warnings in ((1e-5, "bfloat16", 1), (0.1, "bfloat16", 0), (1e-5, "float32", 0)):
        caplog.clear()
        model = small()
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
    method.attach(small(), Context("hype", 1, encoder_of(small())))
    assert method.noised(torch.zeros(2, 3, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert "bfloat16" in caplog.text


def test_noise_is_the_same_for_a_seed_and_another_for_another() -> None:
    logits = []
    for seed in (1, 1, 2):
        model = small()
        prepare({"hype": HyPe(sigma=0.1)}, model, seed)
        step = step_of(model.train(), batch())
        logits.append((step.logits.detach(), step.forward("shared").detach()))
    assert torch.equal(logits[0][0], logits[1][0])
    assert not torch.equal(logits[0][0], logits[2][0])
    assert not torch.equal(logits[0][0], logits[0][1])  # the noise of a second pass is fresh


def test_a_pass_with_shared_dropout_shares_the_masks_of_mixout() -> None:
    start, model = small(), small()
    prepare({"mixout": Mixout()}, model, 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    step = step_of(model.train(), batch())
    assert torch.equal(step.logits, step.forward("shared"))
    assert not torch.equal(step.logits, step.forward("independent", "other"))
    assert not torch.equal(step.logits, step_of(model, batch(), number=1).logits)
    start.load_state_dict(model.state_dict())
    assert torch.equal(step.forward("off"), start.eval()(**batch()).logits)


def test_mixout_draws_a_mask_per_column_or_per_element() -> None:
    rng, weight = torch.Generator().manual_seed(0), torch.empty(300, 400)
    column, element = (Mixout(mask=mask).draw(weight, rng) for mask in ("column", "element"))
    assert column.shape == (1, 400)
    assert element.shape == weight.shape
    assert element.mean().item() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(("target", "kept"), [("clean", True), ("perturbed", False)])
def test_mixout_with_probability_one_computes_with_its_target(target: str, kept: bool) -> None:
    class Disturb(NoDropout):
        def attach(self, *_: Any) -> None: ...

        def perturb(self, model: nn.Module, context: Context) -> None:
            with torch.no_grad():
                model.bert.encoder.layer[0].output.dense.weight.add_(1.0)

    clean = small()
    model = copy.deepcopy(clean)
    prepare({"a": Disturb(), "mixout": Mixout(probability=1.0, target=target)}, model, 1)
    mixed = model.bert.encoder.layer[0].output.dense
    start = clean.bert.encoder.layer[0].output.dense
    x = torch.randn(2, 24)
    assert torch.equal(mixed.train()(x), start(x)) == kept
    assert not torch.equal(mixed.eval()(x), start(x))


def test_lnsr_without_noise_measures_dropout_only_where_it_is_independent() -> None:
    for dropout in ("shared", "independent", "off"):
        method, model = LNSR(sigma=1e-12, dropout=dropout), small()
        prepare({"lnsr": method}, model, 1)
        value = method.loss(step_of(model.train(), batch())).item()
        assert value > 1e-3 if dropout == "independent" else value < 1e-12
    method = LNSR(sigma=0, dropout="independent")
    prepare({"lnsr": method}, model := small(), 1)
    assert method.loss(step_of(model.train(), batch())).item() > 1e-3


@pytest.mark.parametrize("examples", [3, 6])  # as many as there are tokens: the shape alone cannot tell
def test_lnsr_leaves_out_the_padding_of_xlnet(examples: int) -> None:
    torch.manual_seed(0)
    shape = {"vocab_size": 29, "d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 8}
    model = XLNetForSequenceClassification(XLNetConfig(**shape))
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


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("hype.HyPe", {"sigma": -1.0}, "sigma=-1.0"),
        ("hype.HyPe", {"noise": "normla"}, "did you mean 'normal'"),
        ("hype.HyPe", {"position": "betwen"}, "did you mean 'between'"),
        ("hype.HyPe", {"layers": []}, "layers=[]"),
        ("hype.HyPe", {"layers": [1, 1]}, "twice"),
        ("ft_noise.FTNoise", {"sigma": float("nan")}, "sigma=nan"),
        ("lnsr.LNSR", {"scale": -1.0}, "scale=-1.0"),
        ("lnsr.LNSR", {"reduction": "total"}, "reduction"),
        ("lnsr.LNSR", {"tokens": "rael"}, "did you mean 'real'"),
        ("lnsr.LNSR", {"dropout": "same"}, "dropout"),
        ("mixout.Mixout", {"probability": 1.2}, "probability=1.2"),
        ("mixout.Mixout", {"mask": "colum"}, "did you mean 'column'"),
        ("mixout.Mixout", {"target": "start"}, "target"),
        ("mixout.Mixout", {"modules": "all_liner"}, "did you mean 'all_linear'"),
        ("mixout.Mixout", {"hidden_dropout": True, "attention_dropout": False}, "attention_dropout"),
        ("top_k.TopK", {"k": -1}, "k=-1"),
        ("reinit.ReInit", {"layers": -1}, "layers=-1"),
        ("reinit.ReInit", {"std": -1.0}, "std=-1.0"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(target: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchmarkError, match=r"method\.it") as refusal:
        build({"it": {"_target_": f"benchmark.methods.{target}", **settings}})
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "method",
    [HyPe(layers=[0]), HyPe(layers=[4]), FTNoise(layer=4), LNSR(layer=0), TopK(k=4), ReInit(layers=4)],
    ids=repr,
)
def test_a_layer_that_the_encoder_does_not_have_is_refused(method: Any) -> None:
    with pytest.raises(BenchmarkError, match="3"):
        prepare({"it": method}, small(), 1)
