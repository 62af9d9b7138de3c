"""Every variant of the Adam family equals its reference, step by step."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from benchmark.step.adam import VARIANTS
from benchmark.step.groups import ParameterGroup, parameter_groups
from benchmark.step.optimizer import Optimizer
from benchmark.step.schedule import rate_at
from helpers import vectors
from helpers.quadratic import Problem, betas_of, by_tensor
from helpers.selections import Selection, selects
from helpers.small_models import of_kind, xlnet
from helpers.vectors import Case

#: Our name of the code that a case's provenance names; the first that fits.
SOURCES = {
    r"torch\.optim\.AdamW\b": "adamw_torch",
    r"torch\.optim\.Adamax\b": "adamax",
    r"\bAdamaxW\.step": "adamax",
    r"\bAdamax\.step": "adamax_mtdnn",
    r"\bBertAdam\b": "bertadam",
    r"\bAdamW\.step": "adamw",
}


@vectors.drives("optim")
@pytest.mark.parametrize("staged", [True, False], ids=["staged", "fused"])
def test_an_optimiser_equals_its_reference_values(case: Case, staged: bool) -> None:
    hyper = case.hyper
    variant = next((ours for source, ours in SOURCES.items() if re.search(source, case.provenance)), None)
    if variant is None:
        case.skip(f"provenance {case.provenance!r}: that optimiser is not offered")
    if variant == "adamw" and not hyper["correct_bias"]:
        variant = "adamw_no_bias"
    count = case.count("theta0")
    if "groups" in hyper:
        decays = by_tensor(case, "weight_decay")
    else:  # a number for all, or one per tensor
        decays = hyper.get("weight_decay", 0.0)
        decays = [decays] * count if isinstance(decays, int | float) else decays
    if "Adamax (" in case.provenance and any(decays):
        case.skip("torch.optim.Adamax adds its decay to the gradient, which is not offered")
    # The product clips before its step; a reference that clips each tensor inside is given clipped gradients.
    clip = hyper.get("max_grad_norm", 0.0)
    Problem(case, [True] * count).run(
        [], variant, decays, betas_of(case), hyper["eps"], clip=clip, staged=staged
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_finds_the_bottom_of_a_bowl(variant: str) -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    optimizer = Optimizer(
        [ParameterGroup(["w"], [weight])],
        variant,
        (0.9, 0.999),
        1e-8,
        lambda number: rate_at(number - 1, 400, 0.05, "linear", 0.0),
    )
    for _ in range(400):
        weight.grad = 2 * weight.detach()
        optimizer.step()
    assert weight.abs().max() < 0.1


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fused_step_with_decay_is_the_step_in_stages(variant: str) -> None:
    rng, ends = torch.Generator().manual_seed(0), []
    start = torch.randn(300, 300, generator=rng, dtype=torch.float64)
    gradients = torch.randn(5, 300, 300, generator=rng, dtype=torch.float64)
    for staged in (True, False):
        weight = nn.Parameter(start.clone())
        groups = [ParameterGroup(["w"], [weight], 0.1)]
        optimizer = Optimizer(groups, variant, (0.9, 0.98), 1e-3, lambda _: 0.05, staged=staged)
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimizer.step()
        ends.append(weight.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-12, atol=1e-12)


@selects("decay_hf")
def test_the_tensors_decay_that_decay_in_the_reference(case: Selection) -> None:
    groups = parameter_groups(of_kind(case), 0.01)
    case.equal(name for group in groups if group.weight_decay for name in group.names)


def test_only_matrices_decay() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    matrices, others = parameter_groups(model, 0.01)
    assert (matrices.names, matrices.weight_decay) == (["0.weight"], 0.01)
    assert (others.names, others.weight_decay) == (["0.bias", "1.weight", "1.bias"], 0.0)


def test_frozen_parameters_are_not_updated() -> None:
    model = nn.Linear(2, 2)
    model.bias.requires_grad = False
    assert [group.names for group in parameter_groups(model, 0.0)] == [["weight"]]


def test_the_linear_schedule_warms_up_from_zero_and_ends_at_zero() -> None:
    rates = [rate_at(step, 100, 1.0, "linear", 0.1) for step in range(101)]
    assert rates[0] == 0
    assert rates[5] == pytest.approx(0.5)
    assert rates[10] == 1
    assert rates[55] == pytest.approx(0.5)
    assert rates[100] == 0


def test_warm_up_can_be_given_in_steps() -> None:
    assert rate_at(2, 100, 1.0, "linear", 4) == pytest.approx(0.5)


def test_the_schedule_of_google_bert_jumps_down_after_warm_up() -> None:
    before, after = (rate_at(step, 100, 1.0, "linear_from_start", 0.1) for step in (9, 10))
    assert (before, after) == (pytest.approx(0.9), pytest.approx(0.9))
    assert rate_at(50, 100, 1.0, "linear_from_start", 0.1) == pytest.approx(0.5)


def test_the_constant_schedule_stays_at_its_peak() -> None:
    assert {rate_at(step, 10, 0.3, "constant", 0.0) for step in range(10)} == {0.3}


def test_the_attention_biases_of_xlnet_do_not_decay() -> None:
    model = xlnet()
    decaying = {name for group in parameter_groups(model, 0.01) if group.weight_decay for name in group.names}
    assert not [name for name in decaying if "bias" in name]
    assert [name for name in decaying if name.endswith("rel_attn.q")]
