"""SMART equals its equations, its reference values and mt-dnn's, and plain fine-tuning at strength 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from scipy import stats
from torch import nn

from benchmark.methods.common import divergences as measures
from benchmark.methods.smart import SMART
from benchmark.step.passes import Step
from benchmark.step.update import Update
from benchmark.testing.fixtures import tuned_with
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
from helpers.toys import Exact, attached, classifier_step, compare_gradients, logits_step, scripted, step_of
from helpers.vectors import Case

MEAN_OF_TOKENS = "logits = tanh(mean over tokens of (e+delta) W1 + b1) W2 + b2"
LINEAR = (
    "logits[b,c] = sum_n X[b,n,c] theta[n]; loss = 0.5*sum a (theta-c)^2 + mu * batch mean symmetric "
    "KL(student, teacher); SGD; then teacher = (1-beta)*theta + beta*teacher"
)
#: mt-dnn's criteria that are offered. Its JSCriterion and HLCriterion are options that neither SMART's paper nor
#: mt-dnn's default uses; their arrays are not compared.
CRITERIA = {
    "KlCriterion": lambda x, y: measures.kl(y, x).mean(),
    "SymKlCriterion": lambda x, y: measures.detached_symmetric_kl(x, y).mean(),
    "NsKlCriterion": lambda x, y: measures.stable_kl(x, y.detach()).mean(),
    "NsSymKlCriterion": lambda x, y: (
        measures.stable_kl(x, y.detach()) + measures.stable_kl(y, x.detach())
    ).mean(),
    "stable_kl_sum": lambda x, y: measures.stable_kl(x, y.detach()).sum(),
}


class MeanOfTokens(nn.Module):
    """tanh(mean(x) W1 + b1) W2 + b2, with given embeddings."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        for name in ("embed", "W1", "b1", "W2", "b2"):
            self.register_parameter(name, nn.Parameter(case.tensor(name)))
        self.layer = nn.Identity()

    def logits(self, state: torch.Tensor) -> torch.Tensor:
        return (state.mean(1) @ self.W1 + self.b1).tanh() @ self.W2 + self.b2

    def forward(self, input_ids: torch.Tensor) -> SimpleNamespace:
        # The method asks a batch of one example which axis is which.
        state = self.layer(self.embed if len(input_ids) > 1 else self.embed[:1, :2])
        return SimpleNamespace(logits=self.logits(state))


class Linear(nn.Module):
    """logits[b, c] = sum_n X[b, n, c] theta[n]."""

    def __init__(self, theta: torch.Tensor, factors: torch.Tensor) -> None:
        super().__init__()
        self.theta, self.factors, self.layer = nn.Parameter(theta), factors, nn.Identity()

    def forward(self, input_ids: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(
            logits=torch.einsum("bnc,n->bc", self.factors, self.layer(self.theta.expand(1, 1, -1))[0, 0])
        )


@vectors.drives("smart")
def test_smart_equals_its_reference_values(case: Case) -> None:
    hyper = case.hyper
    if "loss_last_fn" in hyper:
        case.skip("smart-pytorch is neither the paper nor its authors' code: its KL is summed over the batch")
    elif "criterion" in hyper:
        compare_mtdnn(case)
    elif "norm" in hyper:
        compare_paper_form(case)
    elif "beta_rest" in hyper:
        compare_running_average(case)
    else:
        compare_criteria(case)


def compare_mtdnn(case: Case) -> None:
    hyper, regression = case.hyper, case.hyper["task"] == "regression"
    case.only("norm_p", "inf")
    case.only("norm_level", 0)
    case.only("criterion", "MseCriterion" if regression else "SymKlCriterion")
    step = classifier_step(case, regression)
    method = attached(
        scripted(
            SMART,
            [case.tensor("init_noise") / hyper["noise_var"]],
            mu=0.0,
            fidelity="mtdnn",
            steps=hyper["K"],
            step_size=hyper["step_size"],
            sigma=hyper["noise_var"],
            epsilon=hyper["epsilon"],
        ),
        step,
    )
    case.close(step.logits, "logits_clean", what="logits")
    term = method.loss(step)
    clean, *noised = step.model.received
    assert len(noised) == case.count("noise_used") == hyper["K"] + 1
    for number, state in enumerate(noised):
        case.close(state - clean, f"noise_used_{number}", what="noise")
    if regression:
        # Theirs compares every example with every other, and its gradients are of that.
        case.close(term, "adv_loss_elementwise_mse", what="loss")
        return
    case.close(term, "adv_loss", what="loss")
    term.backward()
    compare_gradients(case, step.model, what="noise", atol=1e-5)


def compare_criteria(case: Case) -> None:
    offered = [criterion for criterion in CRITERIA if criterion in case]
    assert case.hyper["batch"] == len(case["input"])
    assert case.hyper["classes"] == case["input"].shape[1]
    for criterion in offered:
        one, two = case.tensor("input").requires_grad_(), case.tensor("target").requires_grad_()
        value = CRITERIA[criterion](one, two)
        value.backward()
        case.close(value, criterion)
        case.close(one.grad, f"{criterion}_grad_input", atol=1e-6)
        if f"{criterion}_grad_target" in case:
            gradient = torch.zeros_like(two) if two.grad is None else two.grad
            case.close(gradient, f"{criterion}_grad_target", atol=1e-6)


def compare_paper_form(case: Case) -> None:
    hyper = case.hyper
    case.only("norm", "inf, per example")
    case.only("model", MEAN_OF_TOKENS)

    def made() -> tuple[Any, Step, Any]:
        model = MeanOfTokens(case)
        ids = torch.zeros(case["embed"].shape[:2]).long()
        step = step_of(model, {"input_ids": ids}, torch.zeros(len(ids)).long(), Exact())
        draws = [case.tensor("init_unit_normal")]
        settings = {key: hyper[key] for key in ("steps", "step_size", "sigma", "epsilon")}
        return model, step, attached(scripted(SMART, draws, mu=0.0, **settings), step)

    model, step, method = made()
    case.close(step.logits, "logits_clean")
    start = hyper["sigma"] * case.tensor("init_unit_normal")
    case.close(start, "delta_0")
    start.requires_grad_()
    gap = method.climbed(method.perturbed_logits(step, start, 0), step.logits.detach(), step).mean()
    gradient = torch.autograd.grad(gap, start)[0]
    # The two passes are 1e-5 apart: of seven digits that they share nothing is left.
    case.close(gradient, "grad_delta_0", rtol=1e-6, atol=1e-15)
    delta = method.worst(step, step.logits.detach())
    case.close(delta, f"delta_{hyper['steps']}", rtol=1e-6)
    case.close(method.perturbed_logits(step, delta, 1), "logits_adv")
    model, step, method = made()
    term = method.loss(step)
    case.close(term, "reg", rtol=1e-5)
    term.backward()
    # The file has no gradients of the weights: here they are those of the equation, with both sides learning.
    twin = MeanOfTokens(case)
    clean, perturbed = (
        twin.logits(twin.embed),
        twin.logits(twin.embed + case.tensor(f"delta_{hyper['steps']}")),
    )
    log_p, log_q = clean.log_softmax(-1), perturbed.log_softmax(-1)
    ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1).mean().backward()
    for (name, ours), own in zip(model.named_parameters(), twin.parameters(), strict=True):
        scale = own.grad.abs().max().item()
        torch.testing.assert_close(
            ours.grad, own.grad, rtol=1e-4, atol=1e-4 * scale, msg=f"{case.label} {name}"
        )


def compare_running_average(case: Case) -> None:
    case.only("model", LINEAR)
    a, c, factors, hyper = case.tensor("a"), case.tensor("c"), case.tensor("X"), case.hyper
    model = Linear(case.tensor("thetas")[0], factors)
    inputs, targets = {"input_ids": torch.zeros(len(factors), 1).long()}, torch.zeros(len(factors)).long()
    settings = {"mu": hyper["mu"], "beta_early": hyper["beta_first_tenth"], "beta": hyper["beta_rest"]}
    method = attached(SMART(strength=0.0, **settings), step_of(model, inputs, targets, Exact()))
    for number in range(hyper["steps"]):
        term = method.loss(step_of(model, inputs, targets, Exact()))
        loss = 0.5 * (a * (model.theta - c) ** 2).sum() + term
        (gradient,) = torch.autograd.grad(loss, model.theta)
        with torch.no_grad():
            model.theta -= hyper["lr"] * gradient
            method.after(Update(["theta"], [model.theta], [gradient], 0.1, number + 1, hyper["steps"]))
        case.close(model.theta, "thetas", number + 1)
        case.close(method.average["theta"], "teachers", number + 1)


LOG3 = math.log(3)


class Still(SMART):
    """SMART whose worst perturbation is none, so that the passes of a step are what is compared."""

    def worst(self, step: Step, clean: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(clean)


def test_the_smoothness_term_and_its_gradients_by_hand() -> None:
    # Equal odds p against 3 to 1, q: the sum of (p - q)(log p - log q) is log(3) / 4. Both sides learn: of the
    # first logit, p [log(p / q) - KL(p || q)] + p - q on the clean side, and with p and q exchanged on the other.
    step = logits_step([torch.tensor([[0.0, 0.0]]), torch.tensor([[LOG3, 0.0]])], torch.tensor([0]))
    term = Still(strength=0.6, mu=0.0).loss(step)
    assert term.item() == pytest.approx(0.6 * LOG3 / 4)
    term.backward()
    clean, perturbed = (logits.grad[0] for logits in step.model.seen)
    expected = 0.6 * (-LOG3 / 4 - 0.25)
    assert clean.tolist() == pytest.approx([expected, -expected])
    expected = 0.6 * (0.75 * LOG3 / 4 + 0.25)
    assert perturbed.tolist() == pytest.approx([expected, -expected])


def test_the_proximity_term_by_hand() -> None:
    model = Linear(torch.tensor([LOG3]), torch.tensor([[[1.0, 0.0]]]))
    step = step_of(model, {"input_ids": torch.zeros(1, 1).long()}, torch.zeros(1).long(), Exact())
    method = attached(SMART(strength=0.0, mu=0.3), step)
    method.start_average(model)
    method.average["theta"] = torch.zeros(1)
    term = method.loss(step)
    assert term.item() == pytest.approx(0.3 * LOG3 / 4)
    term.backward()  # the average does not learn; the model is q, 3 to 1
    assert model.theta.grad.item() == pytest.approx(0.3 * (0.75 * LOG3 / 4 + 0.25))


def test_both_terms_add_up() -> None:
    step = small_step()
    method = attached(SMART(strength=0.6, mu=0.3, epsilon=0.1, sigma=0.1), step)
    method.start_average(step.model)
    with torch.no_grad():
        step.model.classifier.weight.add_(0.5)
    state = method.noised(torch.zeros(1)) is not None and method.rng.get_state()
    both = method.loss(step)
    parts = []
    for strength, mu in ((0.6, 0.0), (0.0, 0.3)):
        method.rng.set_state(state)
        method.strength, method.mu = strength, mu
        parts.append(method.loss(step))
    assert min(parts) > 0
    torch.testing.assert_close(both, parts[0] + parts[1])


def test_the_average_follows_the_weights_faster_in_the_first_tenth_of_updates() -> None:
    model = Linear(torch.tensor([1.0]), torch.tensor([[[1.0, 0.0]]]))
    step = step_of(model, {"input_ids": torch.zeros(1, 1).long()}, torch.zeros(1).long(), Exact())
    method = attached(SMART(beta_early=0.6, beta=0.9), step)
    method.start_average(model)
    means = []
    for number, weight in ((1, 2.0), (2, 3.0)):  # of ten
        method.after(Update(["theta"], [torch.tensor([weight])], [torch.zeros(1)], 0.1, number, 10))
        means.append(method.average["theta"].item())
    assert means == pytest.approx([0.6 * 1 + 0.4 * 2, 0.9 * 1.4 + 0.1 * 3])


def test_the_ascent_by_hand() -> None:
    step = small_step()
    method = attached(SMART(epsilon=0.5, step_size=0.8), step)
    delta = torch.tensor([[[0.2, -0.1]], [[0.0, 0.3]]])
    gradient = torch.tensor([[[4.0, -1.0]], [[0.01, 0.0]]])
    # Each example's gradient is divided by its own largest entry: (1, -1/4) and (1, 0); 0.8 of it, cut to 0.5.
    expected = torch.tensor([[[0.5, -0.3]], [[0.5, 0.3]]])
    torch.testing.assert_close(method.ascend(step, delta, gradient), expected)


def test_the_ascent_of_mt_dnn_by_hand() -> None:
    step = small_step()
    method = attached(SMART(epsilon=0.5, step_size=0.8, fidelity="mtdnn"), step)
    delta = torch.tensor([[[0.2, -0.1]], [[0.0, 0.3]]])
    gradient = torch.tensor([[[4.0, -1.0]], [[0.01, 0.0]]])
    # 0.8 of the gradient as it is; each token is divided by its largest entry plus epsilon.
    expected = torch.tensor([[[3.4 / 3.9, -0.9 / 3.9]], [[0.008 / 0.8, 0.3 / 0.8]]])
    torch.testing.assert_close(method.ascend(step, delta, gradient), expected)


def test_the_surrogate_of_mt_dnn_by_hand() -> None:
    # 3 to 1 against equal odds, whose log-odds are 0: 2 (3/4 log 3 - 1/4 log 3).
    surrogate = measures.stable_kl(torch.tensor([[LOG3, 0.0]]), torch.tensor([[0.0, 0.0]]))
    assert surrogate.item() == pytest.approx(LOG3, rel=1e-4)


def test_noise_is_normal_and_every_pass_has_its_own() -> None:
    method = attached(SMART(sigma=0.5), small_step())
    check_fresh(lambda: method.noised(torch.zeros(60, 60)), stats.norm(0, 0.5))


@pytest.mark.parametrize("method", [SMART(), SMART(fidelity="mtdnn", mu=0.0)], ids=repr)
def test_the_ascent_leaves_the_gradients_alone(method: SMART) -> None:
    step = small_step()
    attached(method, step)
    method.worst(step, step.logits.detach())
    assert all(parameter.grad is None for parameter in step.model.parameters())


def test_the_perturbation_stays_in_the_ball_and_its_term_is_what_dropout_shared_makes_it() -> None:
    step = small_step(dropout=0.1)
    method = attached(SMART(mu=0.0, epsilon=1e-4, sigma=1e-5), step)
    delta = method.worst(step, step.logits.detach())
    assert delta.abs().max().item() == pytest.approx(1e-4)
    shared = method.loss(step).item()
    assert 0 < shared < 1e-6
    method.dropout = "independent"
    assert method.loss(step).item() > 100 * shared
    method.dropout = "off"
    assert 0 < method.loss(step).item() < 1e-6


def test_the_running_average_is_in_no_state_of_the_model() -> None:
    step = small_step()
    names = set(step.model.state_dict())
    method = attached(SMART(strength=0.0), step)
    assert set(step.model.state_dict()) == names
    assert method.loss(step).item() == 0  # before the first update both are the same
    with torch.no_grad():
        step.model.classifier.weight.add_(0.5)
    method.loss(small_step(model=step.model)).backward()
    assert step.model.classifier.weight.grad.abs().sum() > 0


def test_the_average_begins_with_the_head_that_another_method_trained_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apart: list[float] = []
    distance = SMART.distance_to_average

    def watched(method: SMART, step: Step, clean: torch.Tensor) -> torch.Tensor:
        found = distance(method, step, clean)
        weight = step.model.classifier.weight
        apart.append((method.average["classifier.weight"] - weight).norm().item() / weight.norm().item())
        return found

    monkeypatch.setattr(SMART, "distance_to_average", watched)
    lp_ft = {"_target_": "benchmark.methods.lp_ft.LPFT", "epochs": 5, "rate": 1e-2}
    tuned_with({"lp_ft": lp_ft, "smart": {"_target_": "benchmark.methods.smart.SMART"}})
    assert apart[0] == 0
    assert 0 < apart[1] < 0.1


@pytest.mark.parametrize("kind", ["bert", "xlnet"])
def test_smart_repeats_itself_and_its_gradients_are_numbers(kind: str) -> None:
    check_repeats(SMART, kind)


def test_noise_comes_from_the_methods_own_stream() -> None:
    check_own_stream(SMART, lambda method, step: method.noised(torch.zeros(2, 2)))


@pytest.mark.parametrize("dropout", ["independent", "shared", "off"])
def test_a_regression_has_a_finite_loss_in_every_dropout(dropout: str) -> None:
    check_regression(SMART(dropout=dropout))


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral(SMART(strength=0.0, mu=0.0))


def test_the_clean_pass_keeps_its_dropout() -> None:
    expected = small_step(dropout=0.1).logits
    step = small_step(dropout=0.1)
    attached(SMART(), step).loss(step)
    assert torch.equal(step.logits, expected)


def test_noise_that_bfloat16_swallows_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    check_short_precision_is_warned_of(SMART(), caplog)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"beta": 1.5}, "beta=1.5"),
        ({"strength": -1.0}, "strength=-1.0"),
        ({"fidelity": "mt-dnn"}, "did you mean 'mtdnn'"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("smart.SMART", settings, message)


@pytest.mark.parametrize("name", ["smart", "smart_mtdnn"])
def test_every_configuration_trains(name: str, compose: Callable[..., Any]) -> None:
    check_trains(configured(compose, name))
