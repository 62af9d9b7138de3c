"""SAGE equals its equation and its reference values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmark.methods import Method, build
from benchmark.methods.sage import SAGE
from benchmark.models.architecture import encoder_of
from helpers import vectors
from helpers.quadratic import SLOPE, START, Problem, betas_of, by_tensor, descended, whole_update_decays
from helpers.refusals import check_refused
from helpers.selections import Selection, selects
from helpers.small_models import check_active_training, of_kind
from helpers.toys import ready
from helpers.vectors import Case


@vectors.drives("sage")
def test_sage_equals_its_reference_values(case: Case) -> None:
    hyper = case.hyper
    case.only("max_grad_norm", 0, 0.0)
    corrected, variant = hyper.get("correct_bias", False), "adamax_mtdnn"
    if "exp_inf_0" not in case:
        whole_update_decays(case)
        variant = "adamw" if corrected else "adamw_no_bias"
    method = SAGE(hyper["beta3"], hyper["eps"] ** 2, fidelity="released", bias_correction=corrected)
    masked = [kind == "mask" for kind in by_tensor(case, "params_type")]
    problem = Problem(case, masked)
    ready(method, problem.model)
    problem.run([method], variant, by_tensor(case, "weight_decay"), betas_of(case), hyper["eps"])
    for i, on in enumerate(masked):
        if on:
            case.close(method.sensitivity.means[problem.names[i]], f"exp_avg_ipt_{i}")


@selects("sage_masked_group")
def test_sage_acts_on_the_tensors_the_reference_acts_on(case: Selection) -> None:
    model = of_kind(case)
    case.equal(ready(SAGE(), model, encoder_of(model)).sensitivity.names)


@pytest.mark.parametrize(
    ("settings", "factors"),
    [
        # I = 0.2, 0.2, 0, 0.2 and M = 0.08, 0.08, 0, 0.08: |I - M| = 0.12, and for the third nothing but epsilon.
        ({"fidelity": "released", "epsilon": 0.02}, [[1.2, 1.2], [0.0, 1.2]]),
        ({"fidelity": "paper", "epsilon": 0.02}, [[1.4, 1.4], [1.0, 1.4]]),
        # M corrected is I.
        ({"fidelity": "released", "bias_correction": True}, [[0.0, 0.0], [0.0, 0.0]]),
        ({"fidelity": "paper", "bias_correction": True, "epsilon": 0.05}, [[0.2, 0.2], [1.0, 0.2]]),
    ],
)
def test_sage_by_hand(settings: dict[str, Any], factors: list[list[float]]) -> None:
    got = descended(SAGE(beta=0.6, **settings))
    torch.testing.assert_close(got, START - 0.1 * SLOPE * torch.tensor(factors))
    torch.testing.assert_close(descended(SAGE(beta=0.6, **settings), head=True), START - 0.1 * SLOPE)


def test_an_unused_weight_keeps_the_rate_it_has() -> None:
    """Its sensitivity is 0: the guards of both sides of the ratio are alike, those of the denominator alone are 0."""
    seen = torch.zeros(2, 2)

    class Watched(SAGE):
        def direction(self, update: Any) -> None:
            update.directions[0].fill_(1.0)
            super().direction(update)
            seen.copy_(update.directions[0])

    descended(Watched(beta=0.6))
    assert seen[SLOPE == 0].tolist() == [1.0]
    descended(Watched(beta=0.6, fidelity="released"))
    assert seen[SLOPE == 0].tolist() == [0.0]


def test_sage_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(SAGE())
    check_active_training(SAGE(fidelity="released", bias_correction=True))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": -0.1}, "beta=-0.1"),
        ({"epsilon": 0.0}, "epsilon=0.0"),
        ({"fidelity": "relased"}, "did you mean 'released'"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("sage.SAGE", settings, message)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("sage", SAGE(beta=0.75, epsilon=1e-12)),
        ("sage_released", SAGE(fidelity="released")),
        ("sage_released_adamw", SAGE(fidelity="released", bias_correction=True)),
    ],
)
def test_a_configuration_is_the_method_it_names(
    name: str, method: Method, compose: Callable[..., dict[str, Any]]
) -> None:
    assert build(compose("protocol=noisytune", f"method=[{name}]").method) == {name: method}
