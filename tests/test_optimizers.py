"""Every variant of the Adam family equals its reference, step by step."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from vectors import FOLDER

from benchmark.step.adam import VARIANTS
from benchmark.step.optimizer import Optimizer, ParameterGroup, parameter_groups
from benchmark.step.schedule import rate_at

VECTORS = FOLDER / "optim"
CASES = {
    "adamw_bias": "adamw",
    "adamw_nobias": "adamw_no_bias",
    "bertadam_060": "bertadam",
    "torch_adamw": "adamw_torch",
    "torch_adamax": "adamax",
    "adamaxw_new_mtdnn": "adamax",
    "adamax_old_mtdnn": "adamax_mtdnn",
}


def optimizer_of(variant: str, hyper: dict[str, Any], starts: list[np.ndarray], staged: bool) -> Optimizer:
    decays = hyper.get("weight_decay", 0.0)
    if isinstance(decays, int | float):
        decays = [group["weight_decay"] for group in hyper.get("groups", [])] or [decays] * len(starts)
    groups = [
        ParameterGroup([f"theta_{i}"], [nn.Parameter(torch.from_numpy(start.copy()))], decay)
        for i, (start, decay) in enumerate(zip(starts, decays, strict=True))
    ]
    betas = hyper.get("betas") or (hyper["b1"], hyper["b2"])

    def rate(number: int) -> float:
        if "t_total" not in hyper:
            return hyper["lr"]
        return rate_at(number - 1, hyper["t_total"], hyper["lr"], "linear_from_start", hyper["warmup"])

    return Optimizer(groups, variant, (betas[0], betas[1]), hyper["eps"], rate, staged=staged)


@pytest.mark.parametrize("staged", [True, False], ids=["staged", "fused"])
@pytest.mark.parametrize("case", CASES)
def test_the_trajectory_equals_the_reference(case: str, staged: bool) -> None:
    if not VECTORS.is_dir():
        pytest.skip("no reference values at ../shared/vectors beside the repository")
    hyper = next(c for c in json.loads((VECTORS / "cases.json").read_text()) if c["case"] == case)["hyper"]
    arrays = np.load(VECTORS / f"{case}.npz", allow_pickle=False)
    tensors = range(sum(key.startswith("theta0_") for key in arrays.files))
    optimizer = optimizer_of(CASES[case], hyper, [arrays[f"theta0_{i}"] for i in tensors], staged)
    for t in range(hyper["steps"]):
        for i, group in zip(tensors, optimizer.groups, strict=True):
            # The gradient at our own weights: a wrong step would not be corrected by the next.
            moved = group.parameters[0].detach().numpy() - arrays[f"c_{i}"]
            gradient = torch.from_numpy(arrays[f"a_{i}"] * moved + arrays[f"b_{i}"][t])
            if case == "bertadam_060":  # clips each tensor by itself inside the step
                gradient *= min(1.0, hyper["max_grad_norm"] / (gradient.norm().item() + 1e-6))
            group.parameters[0].grad = gradient
        optimizer.step()
        for i, group in zip(tensors, optimizer.groups, strict=True):
            expected = arrays[f"thetas_{i}"][t + 1]
            np.testing.assert_allclose(group.parameters[0].detach(), expected, rtol=1e-7, err_msg=f"step {t}")


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
    assert weight.abs().max() < 0.05


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


def test_only_matrices_decay() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    matrices, vectors = parameter_groups(model, 0.01)
    assert (matrices.names, matrices.weight_decay) == (["0.weight"], 0.01)
    assert (vectors.names, vectors.weight_decay) == (["0.bias", "1.weight", "1.bias"], 0.0)


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
    from transformers import XLNetConfig, XLNetForSequenceClassification

    model = XLNetForSequenceClassification(
        XLNetConfig(vocab_size=20, d_model=8, n_layer=1, n_head=2, d_inner=8)
    )
    decaying = {name for group in parameter_groups(model, 0.01) if group.weight_decay for name in group.names}
    assert not [name for name in decaying if "bias" in name]
    assert [name for name in decaying if name.endswith("rel_attn.q")]
