"""Mixout equals its equation, its reference values with either gradient, and plain fine-tuning at p 0."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from benchmark.methods import Context, prepare
from benchmark.methods.common.mixed_linear import MixedLinear
from benchmark.methods.mixout import Mixout
from benchmark.methods.no_dropout import NoDropout
from benchmark.models.architecture import encoder_of
from helpers import vectors
from helpers.anchors import DRAWN
from helpers.draws import check_bernoulli
from helpers.refusals import check_refused
from helpers.selections import Selection, selects
from helpers.small_models import batch, bert, check_neutral_pass, of_kind, step_of
from helpers.toys import scripted
from helpers.vectors import Case

POOLER = "bert.pooler.dense"


@vectors.drives("mixout")
def test_mixout_equals_its_reference_values(case: Case) -> None:
    case.only("mask", "element-wise", "column")  # the array has the shape that it says
    training, has_target = case.hyper.get("training", True), case.hyper.get("has_target", True)
    for kind in ("reference", "exact"):
        weight = case.tensor("weight" if "x" in case else "w")
        target = case.tensor("target") if has_target else torch.zeros_like(weight)
        method = scripted(
            Mixout,
            [case.tensor("mask") if "mask" in case else torch.ones(weight.shape)],
            probability=case.hyper["p"],
            reference_grad=kind == "reference",
        )
        method.context, method.rng = None, torch.Generator()
        if "x" in case:
            compare_linear(case, method, target, kind)
        elif not training:
            compare_evaluation(case, method, target)
        else:
            compare_weights(case, method, target, kind)


def compare_weights(case: Case, method: Mixout, target: torch.Tensor, kind: str) -> None:
    weight = case.tensor("w").requires_grad_()
    output = method.mixed(weight, target)
    case.close(output, "output")
    if f"grad_{kind}" not in case:  # the released code's, or the derivative of the equation, is stored alone
        return
    if output.requires_grad:
        output.backward(case.tensor("grad_out"))
    gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
    case.close(gradient, f"grad_{kind}")


def compare_linear(case: Case, method: Mixout, target: torch.Tensor, kind: str) -> None:
    bias = case.hyper.get("bias", True)
    linear = nn.Linear(case["weight"].shape[1], case["weight"].shape[0], bias=bias).double()
    state = {"weight": case.tensor("weight")} | ({"bias": case.tensor("bias")} if bias else {})
    linear.load_state_dict(state)
    mixed = MixedLinear(linear, partial(method.mixed, target=target)).train()
    assert mixed.weight is linear.weight
    assert mixed.bias is linear.bias
    x = case.tensor("x").requires_grad_()
    y = mixed(x)
    case.close(y, "y_train", atol=1e-14)
    y.backward(case.tensor("grad_y"))
    case.close(x.grad, "grad_x", atol=1e-14)
    gradient = torch.zeros_like(linear.weight) if linear.weight.grad is None else linear.weight.grad
    shrink = 1.0 if kind == "reference" else 1 - case.hyper["p"]
    case.close(gradient * shrink, "grad_weight_reference", atol=1e-14)
    if bias:
        case.close(linear.bias.grad, "grad_bias")
    case.close(mixed.eval()(x), "y_eval", atol=1e-14)


def compare_evaluation(case: Case, method: Mixout, target: torch.Tensor) -> None:
    """In evaluation the weight is used as it is; the unit matrix shows it."""
    linear = nn.Linear(*case["w"].shape[::-1], bias=False).double()
    linear.load_state_dict({"weight": case.tensor("w")})
    mixed = MixedLinear(linear, partial(method.mixed, target=target)).eval()
    unit = torch.eye(case["w"].shape[1], dtype=torch.double)
    mixed(unit).backward(case.tensor("grad_out").T)
    case.close(mixed(unit).T, "output")
    case.close(linear.weight.grad, "grad_reference")


def test_mixout_by_hand() -> None:
    weight, target = torch.tensor([[4.0, 8.0]]), torch.tensor([[1.0, 2.0]])
    method: Any = scripted(Mixout, [torch.tensor([[1.0, 0.0]])], probability=0.5)
    method.rng = torch.Generator()
    # Kept: (4 - 0.5 * 1) / 0.5; exchanged: (2 - 0.5 * 2) / 0.5.
    torch.testing.assert_close(method.mixed(weight, target), torch.tensor([[7.0, 2.0]]))


@selects("mixout_linear_modules_all")
def test_mixout_swaps_the_linear_modules_and_no_name_changes(case: Selection) -> None:
    model = of_kind(case)
    parameters, keys = dict(model.named_parameters()), list(model.state_dict())
    prepare({"mixout": Mixout(modules="all_linear")}, model, 1)
    case.equal(name for name, part in model.named_modules() if isinstance(part, MixedLinear))
    assert list(model.state_dict()) == keys
    assert all(parameter is parameters[name] for name, parameter in model.named_parameters())

    prepare({"mixout": Mixout()}, model := of_kind(case), 1)
    in_head = encoder_of(model).in_head
    assert {name for name, part in model.named_modules() if isinstance(part, MixedLinear)} == {
        name for name in case.names if not in_head(name)
    }


@pytest.mark.parametrize(("modules", "mixed"), [("encoder", set()), ("all_linear", {POOLER, "classifier"})])
def test_what_the_checkpoint_lacks_is_mixed_only_with_all_linear(modules: str, mixed: set[str]) -> None:
    model: Any = bert()
    model.drawn = DRAWN
    prepare({"mixout": Mixout(modules=modules)}, model, 1)
    names = {name for name, part in model.named_modules() if isinstance(part, MixedLinear)}
    assert names & {POOLER, "classifier"} == mixed
    assert len(names - {POOLER, "classifier"}) == 3 * 6


def test_a_mask_keeps_an_entry_or_a_column_with_probability_1_minus_p() -> None:
    rng, weight = torch.Generator().manual_seed(0), torch.empty(300, 400)
    check_bernoulli(Mixout(probability=0.6, mask="element").draw(weight, rng), 0.4, (300, 400))
    check_bernoulli(Mixout(probability=0.6).draw(torch.empty(3, 20_000), rng), 0.4, (1, 20_000))


def test_every_module_and_every_pass_has_masks_of_its_own() -> None:
    class Watched(Mixout):
        def draw(self, weight: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
            self.drawn = [*getattr(self, "drawn", []), super().draw(weight, rng)]
            return self.drawn[-1]

    prepare({"mixout": (method := Watched(probability=0.6, mask="element"))}, model := bert(), 1)
    for number in range(2):
        step_of(model, batch(), number).forward("shared")
    masks = [mask for mask in method.drawn if mask.shape == (16, 16)]
    assert len(masks) == 2 * (3 * 4 + 1)  # layers, matrices of attention, the pooler
    check_bernoulli(torch.stack(masks), 0.4)
    check_bernoulli(torch.stack([torch.stack(masks[:13]), torch.stack(masks[13:])]), 0.4)


def test_mixout_switches_off_the_dropout_it_is_told_to() -> None:
    prepare({"it": Mixout()}, model := bert(), 1)
    rates = {name: part.p for name, part in model.named_modules() if isinstance(part, nn.Dropout)}
    assert {name for name, rate in rates.items() if rate > 0} == {
        f"bert.encoder.layer.{i}.attention.self.dropout" for i in range(3)
    }
    prepare({"it": Mixout(attention_dropout=False)}, model := bert(), 1)
    assert all(part.p == 0 for part in model.modules() if isinstance(part, nn.Dropout))
    prepare({"it": Mixout(hidden_dropout=True)}, model := bert(), 1)
    assert all(part.p == 0.1 for part in model.modules() if isinstance(part, nn.Dropout))


def test_a_pass_with_shared_dropout_shares_the_masks() -> None:
    start, model = bert(), bert()
    prepare({"mixout": Mixout(attention_dropout=False)}, model, 1)  # only the masks are drawn
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    step = step_of(model.train(), batch())
    assert torch.equal(step.logits, step.forward("shared"))
    assert not torch.equal(step.logits, step.forward("independent", "other"))
    assert not torch.equal(step.logits, step_of(model, batch(), number=1).logits)
    start.load_state_dict(model.state_dict())
    assert torch.equal(step.forward("off"), start.eval()(**batch()).logits)


@pytest.mark.parametrize(("target", "kept"), [("clean", True), ("perturbed", False)])
def test_mixout_with_probability_one_computes_with_its_target(target: str, kept: bool) -> None:
    class Disturb(NoDropout):
        def attach(self, *_: Any) -> None: ...

        def perturb(self, model: nn.Module, context: Context) -> None:
            with torch.no_grad():
                model.bert.encoder.layer[0].output.dense.weight.add_(1.0)

    clean = bert()
    model = copy.deepcopy(clean)
    prepare({"a": Disturb(), "mixout": Mixout(probability=1.0, target=target)}, model, 1)
    mixed = model.bert.encoder.layer[0].output.dense
    start = clean.bert.encoder.layer[0].output.dense
    x = torch.randn(2, 24)
    assert torch.equal(mixed.train()(x), start(x)) == kept
    assert not torch.equal(mixed.eval()(x), start(x))


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_pass(Mixout(probability=0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"probability": 1.2}, "probability=1.2"),
        ({"mask": "colum"}, "did you mean 'column'"),
        ({"target": "start"}, "target"),
        ({"modules": "all_liner"}, "did you mean 'all_linear'"),
        ({"hidden_dropout": True, "attention_dropout": False}, "attention_dropout"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("mixout.Mixout", settings, message)
