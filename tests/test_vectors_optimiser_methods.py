"""PATS, SAGE, RecAdam, Child-Tuning, L2-SP, PriorWD and layer-wise decay equal their reference values and
equations, through their own hooks inside the optimiser's step."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable
from dataclasses import replace
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

from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.methods import Context, Method, build, prepare
from benchmark.methods.child_tuning import ChildTuningD, ChildTuningF
from benchmark.methods.l2sp import L2SP
from benchmark.methods.layer_decay import LayerDecay
from benchmark.methods.noisytune import NoisyTune
from benchmark.methods.pats import PATS
from benchmark.methods.prior_wd import PriorWD
from benchmark.methods.recadam import RecAdam
from benchmark.methods.sage import SAGE
from benchmark.models.architecture import Encoder, encoder_of
from benchmark.step.adam import VARIANTS, Variant
from benchmark.step.optimizer import Optimizer, ParameterGroup, parameter_groups
from benchmark.step.passes import Step, total_loss
from benchmark.step.schedule import rate_at

FOLDERS = ("pats", "sage", "recadam", "child_tuning", "l2sp")


class Scripted:
    """A method whose draws are given instead of random."""

    def draw(self, tensor: torch.Tensor) -> torch.Tensor:
        return self.draws.pop(0)


class ScriptedPATS(Scripted, PATS): ...


class ScriptedChildTuningF(Scripted, ChildTuningF): ...


class Toy(nn.Module):
    """Tensors of an encoder's one layer, and tensors of a head."""

    def __init__(self, layer: dict[str, torch.Tensor], head: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.base, self.head = nn.Module(), nn.Module()
        self.base.layers = nn.ModuleList([nn.Module()])
        for place, tensors in ((self.base.layers[0], layer), (self.head, head)):
            for name, tensor in tensors.items():
                place.register_parameter(name, nn.Parameter(tensor.clone()))

    @property
    def map(self) -> Encoder:
        layers = list(self.base.layers)
        return Encoder(self, self.base, layers, self.base, "base.", ["base.layers.0."])


def ready(method: Method, model: Any, encoder: Encoder | None = None, name: str = "mine") -> None:
    """Every hook before the optimiser."""
    context = Context(name, 1, encoder or model.map)
    for hook in ("initialise", "remember", "perturb", "attach"):
        getattr(method, hook)(model, context)


def close(got: torch.Tensor, wanted: np.ndarray, what: str) -> None:
    np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=1e-7, atol=0, err_msg=what)


class Problem:
    """The quadratic problem of a case: gradient ``a * (theta - c) + b[t]``, at our own weights.

    ``inside`` says of every tensor whether it belongs to the encoder's layer; ``decays`` is its weight
    decay. Tensors of one decay share a group, as they do in a run.
    """

    def __init__(self, case: Case, inside: list[bool], anchor: str = "theta0") -> None:
        self.case = case
        self.count = case.count("theta0")
        tensors = [case.tensor(f"{anchor}_{i}") for i in range(self.count)]
        self.names = [("base.layers.0." if inside[i] else "head.") + f"theta_{i}" for i in range(self.count)]
        split = [
            {f"theta_{i}": t for i, t in enumerate(tensors) if inside[i] == side} for side in (True, False)
        ]
        self.model = Toy(*split)

    def weight(self, i: int) -> nn.Parameter:
        return self.model.get_parameter(self.names[i])

    def run(
        self,
        method: Method,
        variant: str,
        decays: list[float],
        betas: tuple[float, float],
        epsilon: float,
        rate: Callable[[int], float],
        before: Callable[[int, list[int]], None] = lambda t, order: None,
        after: Callable[[int], None] = lambda t: None,
    ) -> None:
        """Check gradients, weights and final moments; ``order`` is that of the draws."""
        case, steps = self.case, self.case.hyper["steps"]
        with torch.no_grad():
            for i in range(self.count):
                self.weight(i).copy_(case.tensor(f"theta0_{i}"))
        members = {decay: [i for i in range(self.count) if decays[i] == decay] for decay in decays}
        groups = [
            ParameterGroup([self.names[i] for i in group], [self.weight(i) for i in group], decay)
            for decay, group in members.items()
        ]
        optimizer = Optimizer(groups, variant, betas, epsilon, lambda t: rate(t - 1), [method], steps)
        for t in range(steps):
            for i in range(self.count):
                theta = self.weight(i).detach()
                gradient = case.tensor(f"a_{i}") * (theta - case.tensor(f"c_{i}")) + case.tensor(f"b_{i}")[t]
                close(gradient, case[f"grads_{i}"][t], f"gradient {i} of step {t}")
                self.weight(i).grad = gradient
            before(t, [i for group in members.values() for i in group])
            optimizer.step()
            after(t)
            for i in range(self.count):
                close(self.weight(i), case[f"thetas_{i}"][t + 1], f"weight {i} after step {t}")
        for decay, group in zip(members, groups, strict=True):
            for place, i in enumerate(members[decay]):
                for keys, moments in (
                    (("exp_avg",), group.first),
                    (("exp_avg_sq", "exp_inf", "second"), group.second),
                ):
                    for key in keys:
                        if f"{key}_{i}" in case:
                            close(moments[place], case[f"{key}_{i}"], f"{key} {i}")


def by_tensor(hyper: dict[str, Any], key: str) -> list[Any]:
    """A value of the groups of a case, by tensor."""
    values = {i: group[key] for group in hyper["groups"] for i in group["idx"]}
    return [values[i] for i in sorted(values)]


@pytest.mark.parametrize("name", vectors.names("pats"))
def test_pats_follows_its_trajectory(name: str) -> None:
    case = vectors.load("pats", name)
    hyper = case.hyper
    method = ScriptedPATS(
        intensity=hyper["noise_lambda"],
        gamma=hyper["gamma"],
        beta=hyper["beta"],
        probability=hyper["p"],
        epsilon=hyper["eps_div"],
        eps_form=hyper["eps_form"],
        signed=hyper["signed_sensitivity"],
    )
    perturbed = hyper["perturbed"]
    problem = Problem(case, perturbed)
    ready(method, problem.model)

    def script(t: int, order: list[int]) -> None:
        method.draws = [
            case.tensor(f"unit_normal_{i}")[t] * case.tensor(f"bernoulli_{i}")[t]
            for i in order
            if perturbed[i]
        ]

    def compare(t: int) -> None:
        assert method.draws == []
        assert set(method.sensitivity.means) == {
            n for n, on in zip(problem.names, perturbed, strict=True) if on
        }
        for i in range(problem.count):
            if perturbed[i]:
                mean = method.sensitivity.means[problem.names[i]]
                close(mean, case[f"sensitivity_ema_{i}"][t], f"sensitivity {i} of step {t}")
                close(method.intensities([mean])[0], case[f"intensity_{i}"][t], f"intensity {i} of step {t}")

    rates = case["lr_per_step"] if "lr_per_step" in case else [hyper["lr"]] * hyper["steps"]
    betas = hyper["beta1"], hyper["beta2"]
    decays = hyper["weight_decay"]
    variant = {"adamax": "adamax", "adamw": "adamw_torch"}[hyper["kind"]]
    problem.run(method, variant, decays, betas, hyper["eps"], lambda t: float(rates[t]), script, compare)


@pytest.mark.parametrize("name", vectors.names("sage"))
def test_sage_follows_the_released_code(name: str) -> None:
    case = vectors.load("sage", name)
    hyper = case.hyper
    adamw = name.startswith("adamw")
    corrected = hyper.get("correct_bias", False)
    variant = ("adamw" if corrected else "adamw_no_bias") if adamw else "adamax_mtdnn"
    method = SAGE(hyper["beta3"], hyper["eps"] ** 2, fidelity="released", bias_correction=corrected)
    masked = [kind == "mask" for kind in by_tensor(hyper, "params_type")]
    problem = Problem(case, masked)
    ready(method, problem.model)

    def rate(t: int) -> float:
        if "t_total" not in hyper:
            return hyper["lr"]
        return rate_at(t, hyper["t_total"], hyper["lr"], "linear_from_start", hyper["warmup"])

    problem.run(method, variant, by_tensor(hyper, "weight_decay"), tuple(hyper["betas"]), hyper["eps"], rate)
    for i, on in enumerate(masked):
        assert (f"exp_avg_ipt_{i}" in case) == on
        if on:
            close(method.sensitivity.means[problem.names[i]], case[f"exp_avg_ipt_{i}"], f"sensitivity {i}")


@pytest.mark.parametrize("name", vectors.names("recadam"))
def test_recadam_follows_the_released_code(name: str) -> None:
    case = vectors.load("recadam", name)
    hyper = case.hyper
    method = RecAdam(hyper["pretrain_cof"], hyper["anneal_k"], hyper["anneal_t0"], hyper["anneal_fun"])
    problem = Problem(case, [weight > 0 for weight in by_tensor(hyper, "anneal_w")], anchor="pretrained")
    ready(method, problem.model)
    annealed = [method.annealed(t + 1) for t in range(hyper["steps"])]
    np.testing.assert_allclose(annealed, case["anneal_lambda"], rtol=1e-7)
    rates = case["lr_per_step"] if "lr_per_step" in case else [hyper["lr"]] * hyper["steps"]
    variant = "adamw" if hyper["correct_bias"] else "adamw_no_bias"
    decays = by_tensor(hyper, "weight_decay")
    problem.run(method, variant, decays, tuple(hyper["betas"]), hyper["eps"], lambda t: float(rates[t]))


def run_child_tuning(
    case: Case,
    method: Method,
    problem: Problem,
    before: Callable[[int, list[int]], None] = lambda t, order: None,
) -> None:
    hyper = case.hyper
    decays = by_tensor(hyper, "weight_decay")
    problem.run(method, "adamw", decays, tuple(hyper["betas"]), hyper["eps"], lambda t: hyper["lr"], before)


def test_child_tuning_f_follows_the_released_code() -> None:
    case = vectors.load("child_tuning", "F_bernoulli")
    method = ScriptedChildTuningF(probability=case.hyper["reserve_p"])
    problem = Problem(case, [True, False])
    ready(method, problem.model)

    def script(t: int, order: list[int]) -> None:
        method.draws = [case.tensor(f"bernoulli_{i}")[t] for i in order]

    run_child_tuning(case, method, problem, script)


def test_child_tuning_d_follows_the_released_code_with_a_given_mask() -> None:
    case = vectors.load("child_tuning", "D_mask")
    method = ChildTuningD(case.hyper["reserve_p"])
    problem = Problem(case, [i in case.hyper["masked"] for i in range(2)])
    ready(method, problem.model)
    method.masks = {problem.names[0]: case.tensor("mask_0")}
    run_child_tuning(case, method, problem)


@pytest.mark.parametrize("method", [ChildTuningF(probability=1.0), ChildTuningD(fraction=1.0)])
def test_child_tuning_without_a_mask_is_the_plain_optimiser(method: Method) -> None:
    case = vectors.load("child_tuning", "none")
    problem = Problem(case, [True, False])
    ready(method, problem.model)
    method.survey(iter([]))
    run_child_tuning(case, method, problem)


class Network(nn.Module):
    """The network of the survey's reference: an embedding, two residual layers and a head."""

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(6, 6)

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return states + torch.tanh(self.dense(states))

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.classifier = nn.Linear(6, 5, bias=False), nn.Linear(6, 3, bias=False)
        self.layer = nn.ModuleList([self.Layer(), self.Layer()])

    def forward(self, x: torch.Tensor) -> SimpleNamespace:
        states = x @ self.embed.weight
        for layer in self.layer:
            states = layer(states)
        return SimpleNamespace(logits=self.classifier(states))

    @property
    def map(self) -> Encoder:
        return Encoder(self, self, list(self.layer), self.embed, "", ["layer.0.", "layer.1."])


TASK = SimpleNamespace(
    loss=functional.cross_entropy,
    read=lambda output, inputs, targets: output.logits,
    one=lambda logits, targets, i: (logits[i : i + 1], targets[i : i + 1]),
)


def passes_of(case: Case, model: Network) -> list[Step]:
    """The batches of the survey's reference, in its order."""
    batches = case.tensor("batch_order").split(case["batch_sizes"].tolist())
    x, y = case.tensor("X"), case.tensor("Y")
    return [
        Step(model, model.map, TASK, {"x": x[batch]}, y[batch], -1 - number, len(batches), seed=1)
        for number, batch in enumerate(batches)
    ]


def surveyed() -> tuple[Case, Network]:
    case = vectors.load("child_tuning", "D_fisher_mask")
    model = Network().double()
    model.load_state_dict(case.keyed("w"), strict=True)
    return case, model


def test_the_survey_of_child_tuning_d_finds_the_released_mask() -> None:
    case, model = surveyed()
    method = ChildTuningD(case.hyper["reserve_p"], case.hyper["max_grad_norm"])
    ready(method, model)
    fisher = method.fisher(passes_of(case, model))
    assert set(fisher) == set(case.keyed("fisher"))
    for name, values in fisher.items():
        close(values, case[f"fisher:{name}"], name)
    method.survey(iter(passes_of(case, model)))
    assert method.threshold == pytest.approx(case["threshold"].item(), rel=1e-7)
    assert {name: mask.tolist() for name, mask in method.masks.items()} == {
        name: mask.tolist() for name, mask in case.keyed("mask").items()
    }
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_survey_of_child_tuning_d_does_not_depend_on_the_parts_of_a_batch() -> None:
    case, model = surveyed()
    found = []
    for size in (None, 3):
        method = ChildTuningD(case.hyper["reserve_p"], case.hyper["max_grad_norm"])
        ready(method, model)
        passes = []
        for step in passes_of(case, model):
            whole = len(step.targets)
            for part, rows in enumerate(torch.arange(whole).split(size or whole)):
                inputs = {"x": step.inputs["x"][rows]}
                share = len(rows) / whole
                passes.append(
                    replace(step, inputs=inputs, targets=step.targets[rows], part=part, share=share)
                )
        found.append(method.fisher(passes))
    for name, values in found[0].items():
        torch.testing.assert_close(values, found[1][name], rtol=1e-10, atol=0)


def test_the_equation_of_child_tuning_d_averages_squares_of_single_examples() -> None:
    case, model = surveyed()
    method = ChildTuningD(fidelity="paper")
    ready(method, model)
    fisher = method.fisher(passes_of(case, model))
    weight = model.layer[0].dense.weight
    expected = torch.zeros_like(weight)
    x, y = case.tensor("X"), case.tensor("Y")
    for i in range(len(x)):
        loss = functional.cross_entropy(model(x[i : i + 1]).logits, y[i : i + 1])
        expected += torch.autograd.grad(loss, weight)[0] ** 2 / len(x)
    torch.testing.assert_close(fisher["layer.0.dense.weight"], expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("squared", [True, False])
def test_l2sp_equals_its_penalty(squared: bool) -> None:
    case = vectors.load("l2sp", "penalty")
    shared = case.hyper["shared"]
    starts = {i: case.tensor(f"w0_{i}" if on else f"w_{i}") for i, on in enumerate(shared)}
    split = [{f"w_{i}": start for i, start in starts.items() if shared[i] == side} for side in (True, False)]
    model = Toy(*split)
    method = L2SP(case.hyper["alpha"], case.hyper["beta"], squared)
    ready(method, model)
    weights = [
        model.get_parameter(("base.layers.0." if on else "head.") + f"w_{i}") for i, on in enumerate(shared)
    ]
    with torch.no_grad():
        for i, weight in enumerate(weights):
            weight.copy_(case.tensor(f"w_{i}"))
    omega = method.loss(SimpleNamespace(model=model, encoder=model.map))
    omega.backward()
    suffix = "" if squared else "_unsquared"
    close(omega, case[f"omega{suffix}"], "omega")
    for i, weight in enumerate(weights):
        close(weight.grad, case[f"grad{suffix}_{i}"], f"gradient {i}")


def unchanged(second: list[torch.Tensor], gradients: list[torch.Tensor], beta: float, epsilon: float) -> None:
    """No second moment."""


# Plain gradient descent, which the project has no use for: with betas 0 the direction is the gradient.
SGD = Variant(
    unchanged,
    lambda second, epsilon, correction: [torch.ones_like(one) for one in second],
    lambda rate, betas, t: rate,
    "after",
)


@pytest.mark.parametrize("name", [name for name in vectors.names("l2sp") if name != "penalty"])
def test_prior_wd_follows_the_released_code(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = vectors.load("l2sp", name)
    hyper = case.hyper
    # Given as groups: the pull of a matrix, and 0 for a vector.
    method = PriorWD(hyper["weight_decay"][0], matrices_only=True, fidelity="released")
    problem = Problem(case, [False, True] if len(hyper["weight_decay"]) > 1 else [True])
    ready(method, problem.model)
    monkeypatch.setitem(VARIANTS, "sgd", SGD)
    variant, betas = ("sgd", (0.0, 0.0)) if hyper["inner"] == "sgd" else ("adamw_torch", (0.9, 0.999))
    problem.run(method, variant, [0.0] * problem.count, betas, 1e-8, lambda t: hyper["lr"])


def test_no_case_is_left_out() -> None:
    if not vectors.FOLDER.is_dir():
        pytest.skip("no reference values")
    run_by_name = {
        "child_tuning": {"F_bernoulli", "D_mask", "D_fisher_mask", "none"},
        "l2sp": {"penalty", "priorwd_adamw", "priorwd_sgd"},
    }
    for folder, cases in run_by_name.items():
        assert set(vectors.names(folder)) == cases
    assert all(vectors.names(folder) != ["none"] for folder in FOLDERS)


# By hand, on weights of two by two.

START = torch.tensor([[1.0, -2.0], [0.5, 4.0]])
SLOPE = torch.tensor([[0.2, 0.1], [0.0, -0.05]])


def one_step(
    method: Method, anchor: torch.Tensor = START, rate: float = 0.1, head: bool = False, steps: int = 1
) -> torch.Tensor:
    """The weight START after ``steps`` of plain descent along SLOPE."""
    model = Toy({}, {"w": anchor}) if head else Toy({"w": anchor}, {})
    ready(method, model)
    [(name, weight)] = model.named_parameters()
    with torch.no_grad():
        weight.copy_(START)
    optimizer = Optimizer(
        [ParameterGroup([name], [weight])], "sgd", (0.0, 0.0), 0.0, lambda _: rate, [method], 10
    )
    for _ in range(steps):
        weight.grad = SLOPE.clone()
        optimizer.step()
    return weight.detach()


@pytest.fixture
def descent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain gradient descent among the optimisers."""
    monkeypatch.setitem(VARIANTS, "sgd", SGD)


@pytest.mark.usefixtures("descent")
@pytest.mark.parametrize(("noise_scale", "power"), [("sqrt", 0.5), ("linear", 1.0)])
def test_pats_by_hand(noise_scale: str, power: float) -> None:
    method = ScriptedPATS(intensity=0.04, gamma=0.5, beta=0.0, epsilon=0.05, noise_scale=noise_scale)
    method.draws = [torch.tensor([[1.0, -1.0], [2.0, 0.0]])]
    # |theta * g| = 0.2, 0.2, 0, 0.2 with mean 0.15; over itself + 0.05: 0.6, 0.6, 3; less gamma: 0.1, 0.1, 2.5.
    noise = torch.tensor([[0.004**power, -(0.004**power)], [2 * 0.1**power, 0.0]])
    torch.testing.assert_close(one_step(method), START - 0.1 * SLOPE + noise)


@pytest.mark.usefixtures("descent")
def test_epsilon_of_pats_is_weaker_by_the_size_of_the_tensor_in_algorithm_1() -> None:
    method = PATS(intensity=1.0, gamma=0.0, epsilon=0.2, eps_form="algorithm")
    means = torch.tensor([[0.2, 0.2], [0.0, 0.2]])  # the sum is 0.6; 4 * S + 0.2 is 1 and 0.2
    torch.testing.assert_close(method.intensities([means])[0], torch.tensor([[0.6, 0.6], [3.0, 0.6]]))


@pytest.mark.usefixtures("descent")
@pytest.mark.parametrize(
    ("settings", "factors"),
    [
        # I = 0.2, 0.2, 0, 0.2 and M = 0.05, 0.05, 0, 0.05: |I - M| / M = 3, and for the third 0/0 but epsilon.
        ({"fidelity": "released"}, [[3.0, 3.0], [0.0, 3.0]]),
        ({"fidelity": "paper"}, [[3.0, 3.0], [1.0, 3.0]]),
        # M corrected is I.
        ({"fidelity": "released", "bias_correction": True}, [[0.0, 0.0], [0.0, 0.0]]),
    ],
)
def test_sage_by_hand(settings: dict[str, Any], factors: list[list[float]]) -> None:
    got = one_step(SAGE(beta=0.75, **settings))
    torch.testing.assert_close(got, START - 0.1 * SLOPE * torch.tensor(factors))
    torch.testing.assert_close(one_step(SAGE(beta=0.75, **settings), head=True), START - 0.1 * SLOPE)


@pytest.mark.usefixtures("descent")
def test_recadam_by_hand() -> None:
    method = RecAdam(pull=4.0, t0=4, annealing="linear")
    moved = START - 0.1 * 0.25 * SLOPE  # lambda(1) = 1/4
    torch.testing.assert_close(one_step(method, anchor=torch.zeros(2, 2)), moved - 0.1 * 0.75 * 4 * moved)
    torch.testing.assert_close(one_step(method, torch.zeros(2, 2), head=True), START - 0.1 * SLOPE)


def test_the_annealing_of_recadam_does_not_overflow() -> None:
    method = RecAdam(k=1.0, t0=1000)
    assert method.annealed(1) == pytest.approx(0.0, abs=1e-300)
    assert method.annealed(1000) == 0.5
    assert method.annealed(100_000) == 1.0


@pytest.mark.usefixtures("descent")
def test_constant_annealing_of_recadam_pulls_nothing() -> None:
    method = RecAdam(annealing="constant")
    assert torch.equal(one_step(method, torch.zeros(2, 2)), START - 0.1 * SLOPE)


@pytest.mark.usefixtures("descent")
def test_prior_wd_by_hand() -> None:
    method, anchor = PriorWD(weight_decay=0.5), torch.zeros(2, 2)
    torch.testing.assert_close(one_step(method, anchor), START * (1 - 0.1 * 0.5) - 0.1 * SLOPE)
    torch.testing.assert_close(one_step(method, anchor, head=True), START - 0.1 * SLOPE)
    released = PriorWD(weight_decay=0.5, fidelity="released")
    torch.testing.assert_close(one_step(released, anchor, head=True), START * 0.95 - 0.1 * SLOPE)


def test_l2sp_by_hand() -> None:
    model = Toy({"w": torch.zeros(2, 2)}, {"v": torch.tensor([3.0, 4.0])})
    method = L2SP(alpha=0.2, beta=0.1)
    ready(method, model)
    with torch.no_grad():
        model.base.layers[0].w.copy_(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))  # of norm 5
    step = SimpleNamespace(model=model, encoder=model.map)
    assert method.loss(step).item() == pytest.approx(0.1 * 25 + 0.05 * 25)
    method.squared = False
    assert method.loss(step).item() == pytest.approx(0.1 * 5 + 0.05 * 5)
    method.matrices_only = True
    assert method.loss(step).item() == pytest.approx(0.1 * 5)


def test_l2sp_has_no_slope_at_the_start() -> None:
    for squared in (True, False):
        model = Toy({"w": START}, {})
        method = L2SP(squared=squared)
        ready(method, model)
        method.loss(SimpleNamespace(model=model, encoder=model.map)).backward()
        assert torch.equal(model.base.layers[0].w.grad, torch.zeros(2, 2))


@pytest.mark.usefixtures("descent")
def test_child_tuning_by_hand() -> None:
    kept = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    f = ScriptedChildTuningF(probability=0.5)
    f.draws = [kept]
    torch.testing.assert_close(one_step(f), START - 0.1 * SLOPE * kept * 2)

    class Known(ChildTuningD):
        def attach(self, model: Any, context: Context) -> None:
            super().attach(model, context)
            self.survey([])

        def fisher(self, passes: Any) -> dict[str, torch.Tensor]:
            return {"base.layers.0.w": torch.tensor([[4.0, 1.0], [2.0, 3.0]])}

    # The 75th percentile of 1, 2, 3, 4 is 3.25: one weight of four is left.
    expected = START - 0.1 * SLOPE * torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(one_step(Known(fraction=0.25)), expected)


# On stock models.

SHAPE = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 24}


def small_bert(seed: int = 0, **changes: Any) -> BertForSequenceClassification:
    torch.manual_seed(seed)
    return BertForSequenceClassification(BertConfig(vocab_size=30, num_labels=2, **SHAPE | changes))


def small_xlm_roberta() -> XLMRobertaForSequenceClassification:
    torch.manual_seed(0)
    return XLMRobertaForSequenceClassification(XLMRobertaConfig(vocab_size=30, **SHAPE))


def small_xlnet() -> XLNetForSequenceClassification:
    torch.manual_seed(0)
    return XLNetForSequenceClassification(
        XLNetConfig(vocab_size=30, d_model=16, n_layer=3, n_head=4, d_inner=24)
    )


MODELS = {"bert": small_bert, "xlmroberta": small_xlm_roberta}
SELECTIONS = {
    "pats_perturbed": (PATS, lambda method: method.sensitivity.names),
    "sage_masked_group": (SAGE, lambda method: method.sensitivity.names),
    "recadam_penalised": (RecAdam, lambda method: method.anchors),
    "child_tuning_D_candidates": (ChildTuningD, lambda method: method.candidates),
}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("which", SELECTIONS)
def test_a_method_acts_on_the_tensors_the_reference_acts_on(which: str, kind: str) -> None:
    path = vectors.FOLDER / "parameter_selection.json"
    if not path.is_file():
        pytest.skip("no reference values of the parameter selection")
    lists = json.loads(path.read_text())["models"][kind]
    wanted = next(names for name, names in lists.items() if name.split(" ")[0] == which)
    model = MODELS[kind]()
    assert {name for name, _ in model.named_parameters()} == set(lists["all"])
    make, chosen = SELECTIONS[which]
    method = make()
    ready(method, model, encoder_of(model))
    assert set(chosen(method)) == set(wanted)


@pytest.mark.parametrize("kind", MODELS)
def test_the_head_is_what_the_reference_takes_for_it(kind: str) -> None:
    path = vectors.FOLDER / "parameter_selection.json"
    if not path.is_file():
        pytest.skip("no reference values of the parameter selection")
    lists = json.loads(path.read_text())["models"][kind]
    model = MODELS[kind]()
    for method in (L2SP(), PriorWD(matrices_only=False)):
        ready(method, model, encoder_of(model))
        assert set(lists["all"]) - set(method.anchors) == set(lists["head"])


def test_xlnet_normalisations_are_found_although_named_otherwise() -> None:
    model = small_xlnet()
    method = PATS()
    ready(method, model, encoder_of(model))
    assert len(method.sensitivity.names) == 3 * (9 + 4)  # nine tensors of attention, four of feed-forward
    assert not any("norm" in name for name in method.sensitivity.names)


def test_prior_wd_pulls_the_weights_that_would_decay() -> None:
    for model in (small_bert(), small_xlnet()):
        method = PriorWD(fidelity="released")
        ready(method, model, encoder_of(model))
        decaying = [
            name for group in parameter_groups(model, 0.01) if group.weight_decay for name in group.names
        ]
        assert set(method.anchors) == set(decaying)


def test_layer_decay_by_hand() -> None:
    model = small_bert()
    method, electra = LayerDecay(0.5), LayerDecay(0.5, top=2)
    for one in (method, electra):
        ready(one, model, encoder_of(model))
    expected = {
        "classifier.weight": (1.0, 1.0),
        "bert.pooler.dense.bias": (1.0, 1.0),
        "bert.encoder.layer.2.output.dense.weight": (1 / 2, 1 / 4),
        "bert.encoder.layer.1.output.LayerNorm.weight": (1 / 4, 1 / 8),
        "bert.encoder.layer.0.attention.self.query.bias": (1 / 8, 1 / 16),
        "bert.embeddings.word_embeddings.weight": (1 / 16, 1 / 32),
        "bert.embeddings.LayerNorm.bias": (1 / 16, 1 / 32),
    }
    for name, factors in expected.items():
        assert (method.rate_factor(name), electra.rate_factor(name)) == factors


def test_layer_decay_makes_groups_of_its_rates() -> None:
    model = small_bert()
    method = LayerDecay(0.5)
    ready(method, model, encoder_of(model))
    groups = parameter_groups(model, 0.01, method.rate_factor)
    assert {(group.weight_decay, group.rate_factor) for group in groups} == {
        (decay, factor) for decay in (0.0, 0.01) for factor in (1.0, 1 / 2, 1 / 4, 1 / 8, 1 / 16)
    }
    assert sum(len(group.parameters) for group in groups) == len(list(model.parameters()))


def trained(
    *methods: Method, updates: int = 4, rate: float = 1e-3, seed: int = 1
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The weights a small BERT starts from after all preparation, and after ``updates`` with ``methods``."""
    model = small_bert().train()
    chosen = {f"method_{number}": method for number, method in enumerate(methods)}
    prepare(chosen, model, seed)
    start = copy.deepcopy(model.state_dict())
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 30, (updates, 6, 5), generator=draw)
    labels = torch.randint(0, 2, (updates, 6), generator=draw)

    def step_of(number: int, batch: int) -> Step:
        inputs = {"input_ids": tokens[batch]}
        return Step(model, encoder_of(model), TASK, inputs, labels[batch], number, updates, seed)

    for method in methods:
        method.survey(step_of(-1 - number, number) for number in range(updates))

    def factor(name: str) -> float:
        return float(np.prod([method.rate_factor(name) for method in methods]))

    groups = parameter_groups(model, 0.01, factor)
    optimizer = Optimizer(groups, "adamw", (0.9, 0.999), 1e-8, lambda _: rate, methods, updates)
    for number in range(updates):
        step = step_of(number, number)
        step.backward(total_loss(step, methods))
        optimizer.step()
    return start, model.state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


PLAIN = [
    PATS(intensity=0.0),
    PATS(probability=0.0),
    RecAdam(pull=0.0),
    RecAdam(pull=0.0, start="random"),
    L2SP(alpha=0.0, beta=0.0),
    PriorWD(weight_decay=0.0, fidelity="released"),
    ChildTuningF(probability=1.0),
    ChildTuningD(fraction=1.0),
    LayerDecay(factor=1.0),
]


@pytest.mark.parametrize("method", PLAIN, ids=repr)
def test_strength_zero_is_plain_fine_tuning_bit_for_bit(method: Method) -> None:
    assert same(trained(method)[1], trained()[1])


ACTIVE = [
    PATS(),
    SAGE(),
    SAGE(fidelity="released", bias_correction=True),
    RecAdam(t0=2),
    L2SP(),
    PriorWD(),
    ChildTuningF(),
    ChildTuningD(),
    ChildTuningD(fidelity="paper"),
    LayerDecay(),
]


@pytest.mark.parametrize("method", ACTIVE, ids=repr)
def test_a_method_changes_training_and_the_same_seed_repeats_it(method: Method) -> None:
    again = copy.deepcopy(method)
    start, end = trained(method)
    assert same(start, trained()[0])
    assert not same(end, trained()[1])
    assert same(end, trained(again)[1])


def test_noise_and_masks_differ_by_seed() -> None:
    for make in (PATS, ChildTuningF):
        draws = []
        for seed in (1, 2):
            method, model = make(probability=0.5), small_bert()
            prepare({"mine": method}, model, seed)
            draws.append(method.draw(model.bert.pooler.dense.weight.detach()))
        assert not torch.equal(*draws)


def test_draws_have_the_moments_they_should() -> None:
    method, model = PATS(probability=0.2), small_bert()
    prepare({"mine": method}, model, 1)
    draws = method.draw(torch.zeros(400, 400))
    assert (draws != 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert draws[draws != 0].std().item() == pytest.approx(1.0, abs=0.02)
    mask = ChildTuningF(probability=0.3)
    ready(mask, model, encoder_of(model))
    kept = mask.draw(torch.zeros(400, 400))
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert kept.mean().item() == pytest.approx(0.3, abs=0.01)


def test_pats_leaves_embeddings_norms_pooler_and_head_to_the_optimiser() -> None:
    # With a rate of 0 nothing moves but by noise.
    start, end = trained(PATS(intensity=1e-4, probability=0.9), rate=0.0)
    moved = {name for name, value in end.items() if not torch.equal(value, start[name])}
    method, model = PATS(), small_bert()
    ready(method, model, encoder_of(model))
    # A bias that starts at 0 has sensitivity 0, as all of its tensor has: no noise until the rate moves it.
    assert moved == {name for name in method.sensitivity.names if name.endswith("weight")}


def test_child_tuning_d_moves_the_share_it_should() -> None:
    class Watched(ChildTuningD):
        def survey(self, passes: Any) -> None:
            super().survey(passes)
            self.kept = {name: mask.clone() for name, mask in self.masks.items()}

    method = Watched(fraction=0.3)
    trained(method)
    mask = torch.cat([mask.flatten() for mask in method.kept.values()])
    # The biases of the keys have no gradient but rounding's, as softmax takes no notice of them.
    assert mask.float().mean().item() == pytest.approx(0.3, abs=0.001)


@pytest.mark.parametrize("make", [RecAdam, L2SP, PriorWD])
def test_the_anchor_is_the_checkpoint_or_what_noise_made_of_it(make: type) -> None:
    clean = dict(small_bert().named_parameters())
    for anchor, equal in (("clean", True), ("perturbed", False)):
        model, method = small_bert(), make(anchor=anchor)
        prepare({"mine": method, "noisytune": NoisyTune()}, model, 1)
        name = "bert.encoder.layer.0.output.dense.weight"
        assert torch.equal(method.anchors[name], clean[name]) == equal
        assert torch.equal(method.anchors[name], model.get_parameter(name)) != equal
        assert not method.anchors[name].requires_grad
        assert method.anchors[name].data_ptr() != model.get_parameter(name).data_ptr()


def test_a_random_start_keeps_the_head_the_anchor_and_everybody_elses_chance() -> None:
    models = [small_bert(seed=3) for _ in range(3)]
    clean = copy.deepcopy(models[0].state_dict())
    methods = [RecAdam(start="random") for _ in models]
    state = torch.get_rng_state()
    for model, method, seed in zip(models, methods, (1, 1, 2), strict=True):
        prepare({"mine": method}, model, seed)
    assert torch.equal(torch.get_rng_state(), state)
    one, again, other = (model.state_dict() for model in models)
    name = "bert.encoder.layer.0.output.dense.weight"
    assert torch.equal(one[name], again[name])
    assert not torch.equal(one[name], other[name])
    assert not torch.equal(one[name], clean[name])
    assert one[name].std().item() == pytest.approx(0.02, rel=0.2)
    assert torch.equal(methods[0].anchors[name], clean[name])
    for key in ("classifier.weight", "classifier.bias"):
        assert torch.equal(one[key], clean[key])


@pytest.mark.parametrize(
    ("method", "rate", "message"),
    [
        (RecAdam(pull=5000.0, t0=250), 1e-3, "overshoots"),
        (RecAdam(pull=5000.0, t0=250), 1e-4, None),
        (RecAdam(pull=1.0, t0=2, start="random"), 1e-4, "is left at update 4"),
        (RecAdam(pull=5000.0, t0=50, start="random"), 2e-4, None),
        (RecAdam(annealing="constant", start="random"), 1e-4, "1 of the random start's distance"),
    ],
)
def test_recadam_warns_of_what_would_spoil_a_run(
    method: RecAdam, rate: float, message: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "benchmark.methods.recadam"):
        trained(method, rate=rate)
    if message is None:
        assert caplog.records == []
    else:
        [record] = caplog.records
        assert message in record.getMessage()


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("pats.PATS", {"intensity": -1.0}, "intensity=-1.0"),
        ("pats.PATS", {"probability": 1.5}, "probability=1.5"),
        ("pats.PATS", {"beta": 1.0}, "beta=1.0"),
        ("pats.PATS", {"noise_scale": "sqr"}, "did you mean 'sqrt'"),
        ("pats.PATS", {"eps_form": "eq5"}, "did you mean 'eq4'"),
        ("sage.SAGE", {"beta": -0.1}, "beta=-0.1"),
        ("sage.SAGE", {"epsilon": 0.0}, "epsilon=0.0"),
        ("sage.SAGE", {"fidelity": "relased"}, "did you mean 'released'"),
        ("recadam.RecAdam", {"pull": -1.0}, "pull=-1.0"),
        ("recadam.RecAdam", {"t0": 0}, "t0=0"),
        ("recadam.RecAdam", {"annealing": "sigmoyd"}, "did you mean 'sigmoid'"),
        ("recadam.RecAdam", {"anchor": "noisy"}, "unknown anchor 'noisy'"),
        ("recadam.RecAdam", {"start": "randm"}, "did you mean 'random'"),
        ("l2sp.L2SP", {"alpha": -0.1}, "alpha=-0.1"),
        ("l2sp.L2SP", {"anchor": "cleen"}, "did you mean 'clean'"),
        ("prior_wd.PriorWD", {"weight_decay": -0.1}, "weight_decay=-0.1"),
        ("prior_wd.PriorWD", {"fidelity": "papers"}, "did you mean 'paper'"),
        ("child_tuning.ChildTuningF", {"probability": 0.0}, "probability=0.0"),
        ("child_tuning.ChildTuningD", {"fraction": 1.1}, "fraction=1.1"),
        ("child_tuning.ChildTuningD", {"fidelity": "fisher"}, "unknown fidelity 'fisher'"),
        ("layer_decay.LayerDecay", {"factor": 0.0}, "factor=0.0"),
        ("layer_decay.LayerDecay", {"depth": 3}, "depth"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(target: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchmarkError, match=r"method\.mine") as refusal:
        build({"mine": {"_target_": f"benchmark.methods.{target}", **settings}})
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("pats", PATS()),
        ("pats_linear", PATS(noise_scale="linear")),
        ("sage", SAGE()),
        ("sage_released", SAGE(fidelity="released")),
        ("sage_released_adamw", SAGE(fidelity="released", bias_correction=True)),
        ("recadam", RecAdam()),
        ("recadam_random_start", RecAdam(start="random")),
        ("l2sp", L2SP()),
        ("l2sp_unsquared", L2SP(squared=False)),
        ("prior_wd", PriorWD()),
        ("prior_wd_released", PriorWD(fidelity="released")),
        ("child_tuning_f", ChildTuningF()),
        ("child_tuning_d", ChildTuningD()),
        ("child_tuning_d_fisher", ChildTuningD(fidelity="paper")),
        ("layer_decay", LayerDecay()),
        ("layer_decay_electra", LayerDecay(factor=0.8, top=2)),
    ],
)
def test_a_configuration_is_the_method_it_names(
    name: str, method: Method, compose: Callable[..., RunConfig]
) -> None:
    assert build(compose("protocol=noisytune", f"method=[{name}]").method) == {name: method}
