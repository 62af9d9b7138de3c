"""Child-Tuning-F and -D equal their equations, their reference values, and plain fine-tuning without a mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from benchmark.methods import Method, build, prepare
from benchmark.methods.child_tuning import ChildTuningD, ChildTuningF
from benchmark.models.architecture import Encoder, encoder_of
from benchmark.step.passes import Step
from helpers import vectors
from helpers.draws import check_bernoulli
from helpers.quadratic import SLOPE, START, Problem, betas_of, by_tensor, descended
from helpers.refusals import check_refused
from helpers.selections import Selection, selects
from helpers.small_models import (
    TASK,
    bert,
    check_active_training,
    check_neutral_training,
    of_kind,
    trained,
)
from helpers.toys import ready, scripted
from helpers.vectors import Case


@vectors.drives("child_tuning", when=lambda hyper: "mode" in hyper)
def test_child_tuning_equals_its_reference_values(case: Case) -> None:
    hyper = case.hyper
    kind = case.choose("mode", {None: None, "ChildTuning-F": ChildTuningF, "ChildTuning-D": ChildTuningD})
    share, masked = hyper["reserve_p"], hyper["masked"]
    tensors = range(case.count("theta0"))
    inside = [masked is None or i in masked for i in tensors]
    if kind is ChildTuningF and not all(inside):
        case.skip(f"masked={masked}: Child-Tuning-F masks every tensor")
    problem = Problem(case, inside)
    methods: list[Any] = []
    if kind is ChildTuningF:
        methods = [scripted(ChildTuningF, [], probability=share)]
    elif kind is ChildTuningD:
        methods = [ChildTuningD(share)]
    else:  # without a mask both are the plain optimiser
        methods = [ChildTuningF(probability=1.0), ChildTuningD(fraction=1.0)]
    for method in methods:
        ready(method, problem.model)
    if kind is ChildTuningD:
        methods[0].masks = {problem.names[i]: case.tensor(f"mask_{i}") for i in tensors if inside[i]}

    def script(t: int, order: list[int]) -> None:
        if kind is ChildTuningF and share < 1:
            assert not methods[0].draws
            methods[0].draws = [case.tensor(f"bernoulli_{i}")[t] for i in order]

    variant = "adamw" if hyper["correct_bias"] else "adamw_no_bias"
    problem.run(methods, variant, by_tensor(case, "weight_decay"), betas_of(case), hyper["eps"], script)


class Network(nn.Module):
    """The network of the survey's reference: h = x E; h = h + tanh(h W' + b) per layer; logits = h C'."""

    class Layer(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.dense = nn.Linear(width, width)

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return states + torch.tanh(self.dense(states))

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        inputs, width = weights["embed.weight"].shape
        self.embed = nn.Linear(width, inputs, bias=False)
        self.classifier = nn.Linear(width, len(weights["classifier.weight"]), bias=False)
        depth = sum(name.startswith("layer.") and name.endswith(".dense.bias") for name in weights)
        self.layer = nn.ModuleList([self.Layer(width) for _ in range(depth)])
        self.double().load_state_dict(weights, strict=True)

    def forward(self, x: torch.Tensor) -> SimpleNamespace:
        states = x @ self.embed.weight
        for layer in self.layer:
            states = layer(states)
        return SimpleNamespace(logits=self.classifier(states))

    @property
    def encoder(self) -> Encoder:
        prefixes = [f"layer.{i}." for i in range(len(self.layer))]
        return Encoder(self, self, list(self.layer), self.embed, "", prefixes)


def passes_of(case: Case, model: Network) -> list[Step]:
    """The batches of the survey's reference, in its order."""
    batches = case.tensor("batch_order").split(case["batch_sizes"].tolist())
    assert max(len(batch) for batch in batches) <= case.hyper["batch_size"]
    x, y = case.tensor("X"), case.tensor("Y")
    return [
        Step(model, model.encoder, TASK, {"x": x[batch]}, y[batch], -1 - number, len(batches), seed=1)
        for number, batch in enumerate(batches)
    ]


@vectors.drives("child_tuning", when=lambda hyper: "mode" not in hyper)
def test_the_survey_of_child_tuning_d_equals_its_reference_values(case: Case) -> None:
    case.only("steps", "one pass")
    model = Network(case.keyed("w"))
    method = ready(ChildTuningD(case.hyper["reserve_p"], case.hyper["max_grad_norm"]), model)
    fisher = method.fisher(passes_of(case, model))
    assert set(fisher) == set(case.keyed("fisher"))
    for name, values in fisher.items():
        case.close(values, f"fisher:{name}")
    method.survey(iter(passes_of(case, model)))
    case.close(method.threshold, "threshold")
    assert set(method.masks) == set(case.keyed("mask"))
    for name, mask in method.masks.items():
        case.equal(mask, f"mask:{name}")
    assert all(parameter.grad is None for parameter in model.parameters())
    check_survey_in_parts(case, model)
    check_survey_of_examples(case, model)


def check_survey_in_parts(case: Case, model: Network) -> None:
    """The parts that a batch is cut in change nothing."""
    method = ready(ChildTuningD(case.hyper["reserve_p"], case.hyper["max_grad_norm"]), model)
    passes = []
    for step in passes_of(case, model):
        whole = len(step.targets)
        for part, rows in enumerate(torch.arange(whole).split(3)):
            inputs = {"x": step.inputs["x"][rows]}
            share = len(rows) / whole
            passes.append(replace(step, inputs=inputs, targets=step.targets[rows], part=part, share=share))
    for name, values in method.fisher(passes).items():
        case.close(values, f"fisher:{name}")


def check_survey_of_examples(case: Case, model: Network) -> None:
    """The paper's equation averages the squares of single examples' gradients."""
    fisher = ready(ChildTuningD(fidelity="paper"), model).fisher(passes_of(case, model))
    weight = model.layer[0].dense.weight
    expected = torch.zeros_like(weight)
    x, y = case.tensor("X"), case.tensor("Y")
    for i in range(len(x)):
        loss = functional.cross_entropy(model(x[i : i + 1]).logits, y[i : i + 1])
        expected += torch.autograd.grad(loss, weight)[0] ** 2 / len(x)
    torch.testing.assert_close(fisher["layer.0.dense.weight"], expected, rtol=1e-10, atol=0)


@selects("child_tuning_D_candidates")
def test_child_tuning_d_chooses_among_the_tensors_the_reference_chooses_among(case: Selection) -> None:
    model = of_kind(case)
    case.equal(ready(ChildTuningD(), model, encoder_of(model)).candidates)


class Known(ChildTuningD):
    """Child-Tuning-D whose Fisher information is given."""

    information: Any = ((4.0, 1.0), (2.0, 3.0))

    def attach(self, model: Any, setting: Any) -> None:
        super().attach(model, setting)
        self.survey([])

    def fisher(self, passes: Any) -> dict[str, torch.Tensor]:
        return {"base.layers.0.w": torch.tensor(self.information)}


def test_child_tuning_by_hand() -> None:
    kept = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    f = scripted(ChildTuningF, [kept], probability=0.5)
    torch.testing.assert_close(descended(f), START - 0.1 * SLOPE * kept * 2)
    # The 75th percentile of 1, 2, 3, 4 is 3.25: one weight of four is left.
    expected = START - 0.1 * SLOPE * torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(descended(Known(fraction=0.25)), expected)


def test_ties_at_the_threshold_are_kept() -> None:
    method = Known(fraction=0.5)
    method.information = ((5.0, 2.0), (2.0, 2.0))  # the median is 2, which three of the four weights have
    descended(method)
    assert method.threshold == 2
    assert method.masks["base.layers.0.w"].tolist() == [[True, True], [True, True]]


def test_the_survey_clips_each_gradient_by_itself_before_it_squares_it() -> None:
    sums = [torch.zeros(2), torch.zeros(2)]
    ChildTuningD(max_grad_norm=0.5).add_squares(sums, [torch.tensor([3.0, 4.0]), torch.tensor([0.3, 0.0])])
    torch.testing.assert_close(
        sums[0], torch.tensor([0.09, 0.16]), rtol=1e-5, atol=0
    )  # (0.3, 0.4), of norm 0.5
    torch.testing.assert_close(sums[1], torch.tensor([0.09, 0.0]))


def test_f_keeps_each_entry_with_probability_p() -> None:
    model = bert()
    method = ready(ChildTuningF(probability=0.4), model, encoder_of(model))
    check_bernoulli(method.draw(torch.zeros(400, 400)), 0.4, (400, 400))


def test_masks_differ_by_seed_and_by_update() -> None:
    draws = []
    for seed in (1, 2):
        method, model = ChildTuningF(probability=0.5), bert()
        prepare({"mine": method}, model, seed)
        weight = model.bert.pooler.dense.weight.detach()
        draws += [method.draw(weight), method.draw(weight)]
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_d_moves_the_share_it_should() -> None:
    class Watched(ChildTuningD):
        def survey(self, passes: Any) -> None:
            super().survey(passes)
            self.kept = {name: mask.clone() for name, mask in self.masks.items()}

    method = Watched(fraction=0.3)
    trained(method)
    mask = torch.cat([mask.flatten() for mask in method.kept.values()])
    # The biases of the keys have no gradient but rounding's, as softmax takes no notice of them.
    assert mask.float().mean().item() == pytest.approx(0.3, abs=0.001)


@pytest.mark.parametrize("method", [ChildTuningF(probability=1.0), ChildTuningD(fraction=1.0)], ids=repr)
def test_strength_zero_is_plain_fine_tuning_bit_for_bit(method: Method) -> None:
    check_neutral_training(method)


@pytest.mark.parametrize("method", [ChildTuningF(), ChildTuningD(), ChildTuningD(fidelity="paper")], ids=repr)
def test_child_tuning_changes_training_and_the_same_seed_repeats_it(method: Method) -> None:
    check_active_training(method)


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("ChildTuningF", {"probability": 0.0}, "probability=0.0"),
        ("ChildTuningD", {"fraction": 1.1}, "fraction=1.1"),
        ("ChildTuningD", {"max_grad_norm": -1.0}, "max_grad_norm=-1.0"),
        ("ChildTuningD", {"fidelity": "fisher"}, "unknown fidelity 'fisher'"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(target: str, settings: dict[str, Any], message: str) -> None:
    check_refused(f"child_tuning.{target}", settings, message)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("child_tuning_f", ChildTuningF()),
        ("child_tuning_d", ChildTuningD()),
        ("child_tuning_d_fisher", ChildTuningD(fidelity="paper")),
    ],
)
def test_a_configuration_is_the_method_it_names(
    name: str, method: Method, compose: Callable[..., dict[str, Any]]
) -> None:
    assert build(compose("protocol=noisytune", f"method=[{name}]").method) == {name: method}
