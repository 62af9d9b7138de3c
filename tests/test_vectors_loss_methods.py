"""R-Drop, R3F, SMART and FreeLB equal their reference values and their equations, worked by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import vectors
from torch import nn
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    XLNetConfig,
    XLNetForSequenceClassification,
)

from benchmark.errors import BenchmarkError
from benchmark.methods import Context, Method, build
from benchmark.methods.common import divergences as measures
from benchmark.methods.freelb import FreeLB
from benchmark.methods.r3f import R3F
from benchmark.methods.rdrop import RDrop
from benchmark.methods.smart import SMART
from benchmark.models.architecture import Encoder, encoder_of
from benchmark.step.passes import Step, total_loss
from benchmark.step.update import Update
from benchmark.tasks import Classification, Task

METHODS = {
    "rdrop": ("benchmark.methods.rdrop.RDrop", RDrop),
    "r3f": ("benchmark.methods.r3f.R3F", R3F),
    "smart": ("benchmark.methods.smart.SMART", SMART),
    "freelb": ("benchmark.methods.freelb.FreeLB", FreeLB),
}


class Exact:
    """A task whose loss stays in the precision of its logits; the project's own makes them float32."""

    def __init__(self, regression: bool = False) -> None:
        self.labels = [] if regression else ["no", "yes"]
        self.regression = regression

    def read(self, output, inputs, targets) -> torch.Tensor:
        return output.logits

    def one(self, logits, targets, example):
        return logits[example : example + 1], targets[example : example + 1]

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if self.labels:
            return functional.cross_entropy(logits, targets)
        return functional.mse_loss(logits.squeeze(-1), targets)


class Logits(nn.Module):
    """A model whose passes give stored logits in turn; ``seen`` holds them as leaves."""

    def __init__(self, passes: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.seen = [logits.requires_grad_() for logits in passes]
        self.passes = 0
        self.layer = nn.Identity()

    def forward(self) -> SimpleNamespace:
        self.passes += 1
        return SimpleNamespace(logits=self.layer(self.seen[self.passes - 1]))


class Toy(nn.Module):
    """The toy model of the reference values: tanh(pool(LayerNorm(e + pos)) W1 + b1) W2 + b2.

    It stands for a whole encoder of one layer, whose input is LayerNorm(e + pos).
    """

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name in ("pos", "W1", "b1", "W2", "b2"):
            self.register_parameter(name, nn.Parameter(weights[name]))
        self.emb = nn.Embedding.from_pretrained(weights["emb.weight"], freeze=False)
        self.layer = nn.Identity()
        self.received: list[torch.Tensor] = []

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> SimpleNamespace:
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        embedded = self.emb(input_ids)
        embedded = embedded + self.pos[: input_ids.shape[1]]
        state = self.layer(functional.layer_norm(embedded, embedded.shape[-1:], eps=1e-5))
        self.received.append(state.detach())
        weight = mask.unsqueeze(-1).to(state.dtype)
        pooled = (state * weight).sum(1) / weight.sum(1)
        return SimpleNamespace(logits=(pooled @ self.W1 + self.b1).tanh() @ self.W2 + self.b2)


class Given(nn.Module):
    """The toy model of SMART's paper form: tanh(mean(x) W1 + b1) W2 + b2, its embeddings given."""

    def __init__(self, case: vectors.Case) -> None:
        super().__init__()
        for name in ("embed", "W1", "b1", "W2", "b2"):
            self.register_parameter(name, nn.Parameter(case.tensor(name)))
        self.layer = nn.Identity()

    def forward(self, input_ids: torch.Tensor) -> SimpleNamespace:
        state = self.layer(self.embed if len(input_ids) > 1 else self.embed[:1, :2])
        return SimpleNamespace(logits=(state.mean(1) @ self.W1 + self.b1).tanh() @ self.W2 + self.b2)


def encoder_around(model: Any) -> Encoder:
    return Encoder(model, model, [model.layer], getattr(model, "emb", None), "", ["layer."])


def step_of(
    model: Any, inputs: dict[str, torch.Tensor], targets: torch.Tensor, task: Any, **changes: Any
) -> Step:
    return Step(model, encoder_around(model), task, inputs, targets, number=0, total=10, seed=1, **changes)


def toy_step(case: vectors.Case, regression: bool = False, **changes: Any) -> Step:
    inputs = {"input_ids": case.tensor("tokens"), "attention_mask": case.tensor("mask")}
    targets = case.tensor("target") if "target" in case else torch.zeros(len(case["tokens"])).long()
    return step_of(Toy(case.keyed("w")), inputs, targets, Exact(regression), **changes)


def scripted(kind: type, noises: Sequence[torch.Tensor], **hyper: Any) -> Any:
    """A method whose draws are given instead of random."""
    left = list(noises)
    subclass = type(kind.__name__, (kind,), {"draw": lambda self, state, rng: left.pop(0).to(state.device)})
    return subclass(**hyper)


def attached(method: Any, step: Step) -> Any:
    method.attach(step.model, Context("mine", 1, step.encoder))
    if isinstance(step.model, Toy):
        step.model.received.clear()
    return method


def same(actual: Any, expected: Any, rtol: float = 1e-7, atol: float = 0.0) -> None:
    expected = torch.as_tensor(expected)
    torch.testing.assert_close(actual.detach().to(expected.dtype), expected, rtol=rtol, atol=atol)


def same_gradients(
    model: nn.Module, case: vectors.Case, rtol: float, atol: float = 1e-12, scale: float = 1.0
) -> None:
    for name, expected in case.keyed("grad").items():
        got = model.get_parameter(name).grad
        got = torch.zeros_like(expected) if got is None else got * scale
        torch.testing.assert_close(
            got, expected, rtol=rtol, atol=atol, msg=lambda text, n=name: f"{n}: {text}"
        )


# --- loss_forms: the paper forms of every term ---------------------------------------------------------


def logits_step(passes: Sequence[torch.Tensor], targets: torch.Tensor, regression: bool = False) -> Step:
    return step_of(Logits(passes), {}, targets, Exact(regression))


@pytest.mark.parametrize("name", vectors.names("loss_forms"))
def test_the_papers_terms_averaged_over_examples(name: str) -> None:
    case = vectors.load("loss_forms", name)
    one, two, labels = case.tensor("logits1"), case.tensor("logits2"), case.tensor("labels")
    same(measures.kl(one, two), case["kl_1_2"])
    same(measures.kl(two, one), case["kl_2_1"])
    same(measures.symmetric_kl(one, two).mean(), case["smart_symkl_batchmean"])
    same(functional.cross_entropy(two, labels, reduction="none"), case["ce2"])
    alpha, strength = case.hyper["alpha"], case.hyper["r3f_lambda"]
    same(
        total_loss(logits_step([one.clone(), two.clone()], labels), [RDrop(alpha)]),
        case["rdrop_paper_batchmean"],
    )
    no_noise = R3F(strength=strength, fidelity="released")
    same(total_loss(logits_step([one, two], labels), [no_noise]), case["r3f_paper_batchmean"])


@pytest.mark.parametrize("name", vectors.names("loss_forms"))
def test_the_papers_terms_of_a_regression(name: str) -> None:
    case = vectors.load("loss_forms", name)

    def step() -> Step:
        scores = [case.tensor(f"score{i}").unsqueeze(-1) for i in (1, 2)]
        return logits_step(scores, case.tensor("target"), regression=True)

    same(total_loss(step(), [RDrop(case.hyper["alpha"])]), case["rdrop_mse_regression"])
    r3f = R3F(strength=case.hyper["r3f_lambda"], fidelity="released")
    same(total_loss(step(), [r3f]), case["r3f_mse_regression"])
    scores = step().model.seen
    same(measures.disagreement(*scores, regression=True).mean(), case["smart_mse"])


# --- R-Drop -------------------------------------------------------------------------------------------

CONFIGURATIONS = {
    "hf_bert": "rdrop_fork_bert",
    "hf_roberta": "rdrop_fork_roberta",
    "readme": "rdrop_readme",
}


def configured(compose: Callable[..., Any], name: str, **hyper: Any) -> Any:
    """The method as ``conf/method/NAME.yaml`` sets it."""
    settings = compose(f"method=[{name}]").method[name]
    return build({name: settings | hyper})[name]


@pytest.mark.parametrize("name", vectors.names("rdrop"))
def test_rdrops_released_forms(name: str, compose: Callable[..., Any]) -> None:
    case = vectors.load("rdrop", name)
    variant, regression = case.hyper["variant"], case.hyper["num_labels"] == 1
    alpha = {"alpha": case.hyper["alpha"]} if case.hyper["alpha"] is not None else {}
    step = logits_step([case.tensor("logits1"), case.tensor("logits2")], case.tensor("labels"), regression)
    method = configured(compose, CONFIGURATIONS[variant], **alpha)
    loss = total_loss(step, [method])
    loss.backward()
    same(loss, case["loss"], rtol=1e-6)
    for number, logits in enumerate(step.model.seen, 1):
        gradient = torch.zeros_like(logits) if logits.grad is None else logits.grad
        same(gradient, case[f"grad_logits{number}"], rtol=1e-6, atol=1e-12)
    if not regression:
        one, two = step.model.seen
        same(measures.kl(one, two), case["kl_1_2"], rtol=1e-6)
        same(measures.kl(two, one), case["kl_2_1"], rtol=1e-6)


def test_rdrop_by_hand() -> None:
    # Equal odds against 3 to 1, and the other way round in the second example.
    three = torch.log(torch.tensor(3.0)).item()
    first, second = torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([[three, 0.0], [0.0, three]])
    half_kls = 0.5 * (three * 0.25)  # sum (p - q)(log p - log q) = (1/2 - 3/4)(-log 3) + … = log(3) / 4
    entropies = torch.log(torch.tensor([2.0, 4 / 3])).sum().item()
    term = 2.0 * half_kls
    step = logits_step([first, second], torch.tensor([0, 1]))
    assert total_loss(step, [RDrop(alpha=2.0)]).item() == pytest.approx(entropies + term)
    step = logits_step([first, second], torch.tensor([0, 1]))
    assert total_loss(step, [RDrop(alpha=2.0, kl_reduction="sum")]).item() == pytest.approx(
        entropies + 2 * term
    )


def test_a_sum_over_the_batch_does_not_depend_on_its_parts() -> None:
    torch.manual_seed(0)
    one, two = torch.randn(4, 3), torch.randn(4, 3)
    method, gradients = RDrop(kl_reduction="sum"), []
    for size in (4, 2):
        leaves = [one.clone(), two.clone()]
        for start in range(0, 4, size):
            cut = slice(start, start + size)
            step = logits_step([x[cut].detach() for x in leaves], torch.zeros(size).long())
            step.share = size / 4
            step.backward(total_loss(step, [method]))
            gradients.append([x.grad for x in step.model.seen])
    whole, *parts = gradients
    for index in (0, 1):
        torch.testing.assert_close(torch.cat([part[index] for part in parts]), whole[index])


# --- R3F ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", vectors.names("r3f"))
def test_r3fs_released_criterion_where_the_noise_arrives(name: str) -> None:
    case = vectors.load("r3f", name)
    regression, training = case.hyper["regression_target"], case.hyper["training"]
    step = toy_step(case, regression)
    size, noise = case.hyper["eps"], case.tensor("noise")
    method = attached(
        scripted(
            R3F,
            [noise / size],
            strength=case.hyper["r3f_lambda"],
            sigma=size,
            noise=case.hyper["noise_type"],
            regression="none",
        ),
        step,
    )
    same(step.logits, case["logits_clean"])
    # An evaluation asks no method for anything; attaching one has changed nothing.
    loss = total_loss(step, [method] if training else []) * int(case["sample_size"])
    loss.backward()
    same(loss, case["loss"], rtol=1e-5)
    same_gradients(step.model, case, rtol=1e-5, atol=2e-7)  # theirs went through float32
    if training and not regression:
        noised = attached(scripted(R3F, [noise / size], sigma=size), step).noised_logits(step)
        same(noised, case["logits_noised"])
        term = measures.symmetric_kl(step.logits, noised).mean() * int(case["sample_size"])
        same(term, case["symm_kl_logged"], rtol=1e-5, atol=1e-6)


def test_r3fs_noise_is_of_the_size_and_kind_it_should_be() -> None:
    method = R3F(sigma=0.5, noise="uniform")
    rng = torch.Generator().manual_seed(0)
    drawn = method.draw(torch.empty(4000), rng)
    assert drawn.abs().max().item() == pytest.approx(1, abs=1e-2)
    assert drawn.mean().item() == pytest.approx(0, abs=0.03)
    assert R3F().draw(torch.empty(4000), rng).std().item() == pytest.approx(1, abs=0.03)


def test_the_embedding_table_does_not_learn_through_the_noised_pass() -> None:
    step = small_step()
    clean = torch.autograd.grad(step.logits.sum(), step.encoder.words.weight, retain_graph=True)[0]
    assert clean.abs().sum() > 0
    noised = attached(R3F(sigma=0.1), step).noised_logits(step)
    assert torch.autograd.grad(noised.sum(), step.encoder.words.weight, allow_unused=True)[0] is None
    released = attached(R3F(fidelity="released"), step).noised_logits(step)
    assert torch.autograd.grad(released.sum(), step.encoder.words.weight)[0].abs().sum() > 0


def test_r4f_gives_the_head_the_largest_singular_value_one_and_keeps_its_names() -> None:
    step = small_step()
    names = set(step.model.state_dict())
    head = step.model.classifier
    with torch.no_grad():
        head.weight.mul_(7)
    attached(R3F(spectral_head=True), step)
    assert set(step.model.state_dict()) == names
    state = torch.randn(5, head.in_features)
    normal = head.weight / torch.linalg.svdvals(head.weight)[0]
    for mode in (True, False):
        torch.testing.assert_close(head.train(mode)(state), state @ normal.T + head.bias)
    with torch.no_grad():  # far more than an update would
        head.weight.add_(torch.randn_like(head.weight) * 0.01 * head.weight.std())
    for _ in range(20):
        head.train()(state)
    normal = head.weight / torch.linalg.svdvals(head.weight)[0]
    torch.testing.assert_close(head.eval()(state), state @ normal.T + head.bias, rtol=1e-3, atol=1e-4)


# --- SMART --------------------------------------------------------------------------------------------

MTDNN = ["cls2_k2_bigstep", "cls3_k1", "regression_k1"]
CRITERIA = {
    "KlCriterion": lambda x, y: measures.kl(y, x).mean(),
    "SymKlCriterion": lambda x, y: measures.detached_symmetric_kl(x, y).mean(),
    "NsKlCriterion": lambda x, y: measures.stable_kl(x, y.detach()).mean(),
    "NsSymKlCriterion": lambda x, y: (
        measures.stable_kl(x, y.detach()) + measures.stable_kl(y, x.detach())
    ).mean(),
    "stable_kl_sum": lambda x, y: measures.stable_kl(x, y.detach()).sum(),
    "JSCriterion": None,
    "HLCriterion": None,
}


def test_every_case_of_smart_is_driven() -> None:
    driven = {*MTDNN, "divergences", "paper_form_k1", "bregman_momentum", "smart_pytorch_1step"}
    assert set(vectors.names("smart")) in (driven, {"none"})


@pytest.mark.parametrize("name", MTDNN)
def test_smart_as_mtdnn_runs_it(name: str) -> None:
    case = vectors.load("smart", name)
    regression = case.hyper["task"] == "regression"
    step, hyper = toy_step(case, regression), case.hyper
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
    same(step.logits, case["logits_clean"])
    term = method.loss(step)
    clean, *noised = step.model.received
    for number, state in enumerate(noised):
        expected = case.tensor(f"noise_used_{number}")
        same(state - clean, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())
    assert len(noised) == hyper["K"] + 1
    if regression:
        # Theirs compares every example with every other; its gradients are of that and not checked.
        same(term, case["adv_loss_elementwise_mse"], rtol=1e-4)
        return
    same(term, case["adv_loss"], rtol=1e-4)
    term.backward()
    same_gradients(step.model, case, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_mtdnns_divergences(criterion: str) -> None:
    case = vectors.load("smart", "divergences")
    if CRITERIA[criterion] is None:
        pytest.skip(f"{criterion} is an option of mt-dnn that neither SMART's paper nor its default uses")
    one, two = case.tensor("input").requires_grad_(), case.tensor("target").requires_grad_()
    value = CRITERIA[criterion](one, two)
    value.backward()
    same(value, case[criterion], rtol=1e-5)
    same(one.grad, case[f"{criterion}_grad_input"], rtol=1e-5, atol=1e-6)
    if f"{criterion}_grad_target" in case:
        gradient = torch.zeros_like(two) if two.grad is None else two.grad
        same(gradient, case[f"{criterion}_grad_target"], rtol=1e-5, atol=1e-6)


def test_smart_pytorch() -> None:
    vectors.load("smart", "smart_pytorch_1step")
    pytest.skip("smart-pytorch is neither the paper nor its authors' code: its KL is summed over the batch")


def test_smarts_projected_ascent_as_the_paper_writes_it() -> None:
    case = vectors.load("smart", "paper_form_k1")
    hyper, model = case.hyper, Given(case)
    ids = torch.zeros(case["embed"].shape[:2]).long()
    step = step_of(model, {"input_ids": ids}, torch.zeros(len(ids)).long(), Exact())
    method = attached(
        scripted(
            SMART,
            [case.tensor("init_unit_normal")],
            mu=0.0,
            steps=hyper["steps"],
            step_size=hyper["step_size"],
            sigma=hyper["sigma"],
            epsilon=hyper["epsilon"],
        ),
        step,
    )
    same(step.logits, case["logits_clean"])
    start = case.tensor("delta_0")
    same(hyper["sigma"] * case.tensor("init_unit_normal"), start)
    start.requires_grad_()
    gap = method.climbed(method.perturbed_logits(step, start, 0), step.logits.detach(), step).mean()
    gradient = torch.autograd.grad(gap, start)[0]
    same(gradient, case["grad_delta_0"], rtol=1e-6, atol=1e-15)
    delta = method.worst(step, step.logits.detach())
    same(delta, case["delta_1"], rtol=1e-6)
    same(method.perturbed_logits(step, delta, 1), case["logits_adv"])
    again = scripted(SMART, [case.tensor("init_unit_normal")], mu=0.0)
    same(attached(again, step).loss(step), case["reg"], rtol=1e-5)


class Linear(nn.Module):
    """logits[b, c] = sum_n X[b, n, c] theta[n]."""

    def __init__(self, theta: torch.Tensor, factors: torch.Tensor) -> None:
        super().__init__()
        self.theta, self.factors, self.layer = nn.Parameter(theta), factors, nn.Identity()

    def forward(self, input_ids: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(
            logits=torch.einsum("bnc,n->bc", self.factors, self.layer(self.theta.expand(1, 1, -1))[0, 0])
        )


def test_smarts_running_average() -> None:
    case = vectors.load("smart", "bregman_momentum")
    a, c, hyper = case.tensor("a"), case.tensor("c"), case.hyper
    model = Linear(case.tensor("thetas")[0], case.tensor("X"))
    step = step_of(model, {"input_ids": torch.zeros(4, 1).long()}, torch.zeros(4).long(), Exact())
    method = attached(
        SMART(strength=0.0, mu=hyper["mu"], beta_early=hyper["beta_first_tenth"], beta=hyper["beta_rest"]),
        step,
    )
    for number in range(hyper["steps"]):
        step = step_of(model, step.inputs, step.targets, step.task)
        loss = 0.5 * (a * (model.theta - c) ** 2).sum() + method.loss(step)
        (gradient,) = torch.autograd.grad(loss, model.theta)
        with torch.no_grad():
            model.theta -= hyper["lr"] * gradient
            method.after(Update(["theta"], [model.theta], [gradient], 0.1, number + 1, hyper["steps"]))
        same(model.theta, case["thetas"][number + 1])
        same(method.average["theta"], case["teachers"][number + 1])


def test_smarts_ascent_by_hand() -> None:
    step = small_step()
    method = attached(SMART(epsilon=0.5, step_size=1.0), step)
    delta = torch.tensor([[[0.2, -0.1]], [[0.0, 0.3]]])
    gradient = torch.tensor([[[4.0, -1.0]], [[0.01, 0.0]]])
    # Each example's gradient is divided by its own largest entry: (1, -1/4) and (1, 0); then cut to 0.5.
    expected = torch.tensor([[[0.5, -0.35]], [[0.5, 0.3]]])
    torch.testing.assert_close(method.ascend(step, delta, gradient), expected)


@pytest.mark.parametrize("method", [SMART(), SMART(fidelity="mtdnn", mu=0.0)])
def test_smarts_ascent_leaves_the_gradients_alone(method: SMART) -> None:
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
    method.loss(small_step_of(step)).backward()
    assert step.model.classifier.weight.grad.abs().sum() > 0


# --- FreeLB -------------------------------------------------------------------------------------------


class Watched(FreeLB):
    """FreeLB that keeps the perturbation and the loss of every pass."""

    def perturbed_loss(self, step: Step, delta: torch.Tensor, number: int) -> torch.Tensor:
        loss = super().perturbed_loss(step, delta, number)
        self.deltas, self.losses = (
            [*getattr(self, "deltas", []), delta.detach().clone()],
            [*getattr(self, "losses", []), loss.detach()],
        )
        return loss


@pytest.mark.parametrize("name", vectors.names("freelb"))
def test_freelb_as_released(name: str) -> None:
    case = vectors.load("freelb", name)
    step, hyper = toy_step(case), case.hyper
    method = attached(
        scripted(
            Watched,
            [case.tensor("uniform_raw")],
            epsilon=hyper["max_norm"],
            init_mag=hyper["init_mag"],
            alpha=hyper["adv_lr"],
            steps=hyper["adv_steps"],
            fidelity="fairseq" if hyper["variant"] == "fairseq" else "paper",
        ),
        step,
    )
    loss = total_loss(step, [method])
    step.backward(loss)
    assert len(method.losses) == hyper["forward_passes"]
    same(torch.stack(method.losses), case["losses"])
    same(loss, case["total_loss"])
    for number, delta in enumerate(method.deltas):
        same(delta, case[f"delta_{number}"], atol=1e-15)
    same_gradients(step.model, case, rtol=1e-7, atol=1e-13)


def test_freelbs_start_and_ascent_by_hand() -> None:
    step = small_step(lengths=(4, 2))
    ones = torch.ones(2, 4, 8)
    method = attached(scripted(FreeLB, [ones], epsilon=0.4, alpha=0.3), step)
    start = method.start(step)
    # 4 tokens of 8 units: 0.4 / sqrt(32); 2 tokens: 0.4 / 4, and nothing on the padding.
    torch.testing.assert_close(start[0], torch.full((4, 8), 0.4 / 32**0.5))
    torch.testing.assert_close(start[1, :2], torch.full((2, 8), 0.1))
    assert not start[1, 2:].any()
    # One step of length 0.3 along (0.6, 0.8) from 0, then from (0.4, 0) to the edge of the ball of 0.4.
    gradient = torch.tensor([[[3.0, 4.0]], [[0.0, 2.0]]])
    moved = method.ascend(torch.tensor([[[0.0, 0.0]], [[0.4, 0.0]]]), gradient)
    torch.testing.assert_close(moved, torch.tensor([[[0.18, 0.24]], [[0.32, 0.24]]]))


def test_one_pass_from_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    plain, perturbed = small_step(dropout=0.1), small_step(dropout=0.1)
    losses = [
        total_loss(plain, []),
        total_loss(perturbed, [attached(FreeLB(steps=1, init_mag=0.0), perturbed)]),
    ]
    assert torch.equal(*losses)
    for loss in losses:
        loss.backward()
    for one, other in zip(plain.model.parameters(), perturbed.model.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


def test_every_pass_counts_alike_and_shares_the_dropout() -> None:
    plain, perturbed = small_step(dropout=0.1), small_step(dropout=0.1)
    plain.share = perturbed.share = 0.5
    plain.backward(total_loss(plain, []))
    method = attached(FreeLB(steps=3, init_mag=0.0, alpha=0.0), perturbed)
    loss = total_loss(perturbed, [method])
    perturbed.backward(loss)
    torch.testing.assert_close(loss, plain.task_loss())
    for one, other in zip(plain.model.parameters(), perturbed.model.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


# --- All of them, on real architectures ---------------------------------------------------------------


def small_model(kind: str = "bert", dropout: float = 0.0, outputs: int = 2) -> Any:
    torch.manual_seed(0)
    if kind == "xlnet":
        shape = {"d_model": 8, "n_layer": 1, "n_head": 2, "d_inner": 16}
        return XLNetForSequenceClassification(XLNetConfig(vocab_size=20, dropout=dropout, **shape))
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return BertForSequenceClassification(
        BertConfig(vocab_size=20, num_labels=outputs, initializer_range=0.5, **shape, **rates)
    )


def small_step(
    kind: str = "bert",
    lengths: Sequence[int] = (4, 4, 4, 4),
    dropout: float = 0.0,
    model: Any = None,
    regression: bool = False,
) -> Step:
    """A step over examples of these lengths; the i-th is the same whatever is beside it."""
    model = model or small_model(kind, dropout)
    rows = [torch.arange(3 + i, 3 + i + length) for i, length in enumerate(lengths)]
    ids = nn.utils.rnn.pad_sequence(rows, True)
    inputs = {"input_ids": ids, "attention_mask": (ids > 0).long()}
    targets = (torch.arange(len(rows)) % 2).to(torch.float if regression else torch.long)
    kind = Classification([] if regression else ["no", "yes"])
    task = Task("t", kind, [], None, {}, 0, False, None, {})
    return Step(model.train(), encoder_of(model), task, inputs, targets, number=0, total=10, seed=1)


def small_step_of(step: Step) -> Step:
    return small_step(model=step.model)


@pytest.mark.parametrize("kind", ["bert", "xlnet"])
def test_examples_do_not_disturb_each_other_where_the_batch_is_as_large_as_it_is_long(kind: str) -> None:
    """A batch of 4 by 4 tells nothing about which axis is which; ascent is per example all the same."""
    step = small_step(kind)
    method = attached(Watched(epsilon=0.0, init_mag=0.0, alpha=0.5, steps=2), step)
    total_loss(step, [method])
    axis = 1 if kind == "xlnet" else 0
    norms = method.deltas[-1].movedim(axis, 0).flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.full((4,), 0.5))


@pytest.mark.parametrize("kind", ["bert", "xlnet"])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_repeats_itself_and_its_gradients_are_numbers(name: str, kind: str) -> None:
    torch.manual_seed(0)
    losses = []
    for _ in range(2):
        step = small_step(kind, dropout=0.1)
        method = attached(METHODS[name][1](), step)
        losses.append(total_loss(step, [method]))
        step.backward(losses[-1])
        assert all(
            parameter.grad is None or parameter.grad.isfinite().all() for parameter in step.model.parameters()
        )
    assert torch.equal(*losses)


@pytest.mark.parametrize("kind", [R3F, SMART, FreeLB])
def test_noise_comes_from_the_methods_own_stream(kind: type) -> None:
    step = small_step()
    ends = []
    for name in ("mine", "mine", "other"):
        method = kind()
        method.attach(step.model, Context(name, 1, step.encoder))
        torch.manual_seed(0)
        expected = torch.rand(3)
        torch.manual_seed(0)
        ends.append(method.start(step) if kind is FreeLB else method.noised(torch.zeros(2, 2)))
        assert torch.equal(torch.rand(3), expected)
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.parametrize("dropout", ["independent", "shared", "off"])
@pytest.mark.parametrize("name", METHODS)
def test_a_regression_has_a_finite_loss_in_every_dropout(name: str, dropout: str) -> None:
    step = small_step(model=small_model(outputs=1), regression=True)
    hyper = {} if name == "rdrop" else {"dropout": dropout}
    method = attached(METHODS[name][1](**hyper), step)
    loss = total_loss(step, [method])
    step.backward(loss)
    assert loss.isfinite()
    assert step.model.training


@pytest.mark.parametrize("method", [R3F(strength=0.0), SMART(strength=0.0, mu=0.0)])
def test_strength_zero_is_plain_fine_tuning_bit_for_bit(method: Method) -> None:
    step = small_step(dropout=0.1)
    attached(method, step)
    assert method.loss(step) is None
    assert torch.equal(total_loss(step, [method]), small_step(dropout=0.1).task_loss())


def test_the_clean_pass_keeps_its_dropout_beside_any_method() -> None:
    expected = small_step(dropout=0.1).logits
    for kind in (RDrop, R3F, SMART):
        step = small_step(dropout=0.1)
        attached(kind(), step).loss(step)
        assert torch.equal(step.logits, expected)


def test_noise_that_bfloat16_swallows_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    for method in (R3F(), SMART()):
        caplog.clear()
        step = small_step()
        step.precision = "bfloat16"
        attached(method, step)
        for _ in range(2):
            method.loss(copy.copy(step))
        assert [record.message for record in caplog.records if "bfloat16" in record.message] == [
            caplog.records[0].message
        ]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("rdrop", {"alpha": -1.0}, "alpha=-1.0"),
        ("rdrop", {"kl_reduction": "summ"}, "did you mean 'sum'"),
        ("rdrop", {"ce_reduction": "frist"}, "did you mean 'first'"),
        ("r3f", {"strength": -1.0}, "strength=-1.0"),
        ("r3f", {"sigma": -1.0}, "sigma=-1.0"),
        ("r3f", {"noise": "gaussian"}, "valid: normal, uniform"),
        ("r3f", {"dropout": "of"}, "did you mean 'off'"),
        ("smart", {"steps": 0}, "steps=0"),
        ("smart", {"beta": 1.5}, "beta=1.5"),
        ("smart", {"fidelity": "mt-dnn"}, "did you mean 'mtdnn'"),
        ("freelb", {"epsilon": -0.1}, "epsilon=-0.1"),
        ("freelb", {"steps": 0}, "steps=0"),
        ("freelb", {"fidelity": "fairsek"}, "did you mean 'fairseq'"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchmarkError, match=rf"method\.{name}") as refusal:
        build({name: {"_target_": METHODS[name][0], **settings}})
    assert message in str(refusal.value)


@pytest.mark.parametrize("name", ["other", "a_name_before_freelb"])
def test_freelb_is_refused_beside_what_it_takes_the_task_loss_from(name: str) -> None:
    other = {"_target_": "benchmark.methods.rdrop.RDrop"}
    with pytest.raises(BenchmarkError, match=r"method\.freelb.* cannot act together: .*the task loss"):
        build({"freelb": {"_target_": METHODS["freelb"][0]}, name: other})


@pytest.mark.parametrize(
    "name",
    [
        *("rdrop", "rdrop_readme", "rdrop_fork_bert", "rdrop_fork_roberta", "r3f", "r3f_released", "r4f"),
        *("smart", "smart_mtdnn", "freelb", "freelb_fairseq"),
    ],
)
def test_every_configuration_trains(name: str, compose: Callable[..., Any]) -> None:
    step = small_step(dropout=0.1)
    method = attached(configured(compose, name), step)
    loss = total_loss(step, [method])
    step.backward(loss)
    assert loss.isfinite()
    assert step.encoder.words.weight.grad.abs().sum() > 0
