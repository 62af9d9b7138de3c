"""L2-SP equals its equation, its reference values, and plain fine-tuning without a penalty."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmark.methods import Method, build
from benchmark.methods.l2sp import L2SP
from benchmark.models.architecture import encoder_of
from helpers import vectors
from helpers.anchors import DRAWN, check_anchor, check_drawn
from helpers.quadratic import START
from helpers.refusals import check_refused
from helpers.selections import Selection, selects
from helpers.small_models import bert, check_active_training, check_neutral_training, of_kind
from helpers.toys import Tensors, ready
from helpers.vectors import Case


@vectors.drives("l2sp", when=lambda hyper: "inner" not in hyper)
def test_l2sp_equals_its_reference_values(case: Case) -> None:
    shared = case.hyper["shared"]
    alpha, beta = case.hyper["alpha"], case.hyper["beta"]
    assert case.count("w") == len(shared), f"{case.label}: {case.count('w')} tensors w_* of {len(shared)}"
    for squared, suffix in ((True, ""), (False, "_unsquared")):
        starts = {i: case.tensor(f"w0_{i}" if on else f"w_{i}") for i, on in enumerate(shared)}
        split = [
            {f"w_{i}": start for i, start in starts.items() if shared[i] == side} for side in (True, False)
        ]
        model = Tensors(*split)
        method = ready(L2SP(alpha, beta, squared), model)
        weights = [
            model.get_parameter(("base.layers.0." if on else "head.") + f"w_{i}")
            for i, on in enumerate(shared)
        ]
        with torch.no_grad():
            for i, weight in enumerate(weights):
                weight.copy_(case.tensor(f"w_{i}"))
        omega = method.loss(SimpleNamespace(model=model, encoder=model.encoder))
        omega.backward()
        case.close(omega, f"omega{suffix}")
        for i, weight in enumerate(weights):
            gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
            case.close(gradient, f"grad{suffix}_{i}")


@selects("head")
def test_the_head_is_what_the_reference_takes_for_it(case: Selection) -> None:
    model = of_kind(case)
    case.equal(case.everything - set(ready(L2SP(), model, encoder_of(model)).anchors))


def test_l2sp_by_hand() -> None:
    model = Tensors({"w": torch.zeros(2, 2)}, {"v": torch.tensor([3.0, 4.0])})
    method = ready(L2SP(alpha=0.2, beta=0.3), model)
    with torch.no_grad():
        model.base.layers[0].w.copy_(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))  # of norm 5
    step = SimpleNamespace(model=model, encoder=model.encoder)
    assert method.loss(step).item() == pytest.approx(0.1 * 25 + 0.15 * 25)
    method.squared = False
    assert method.loss(step).item() == pytest.approx(0.1 * 5 + 0.15 * 5)
    method.matrices_only = True
    assert method.loss(step).item() == pytest.approx(0.1 * 5)


def test_l2sp_has_no_slope_at_the_start() -> None:
    for squared in (True, False):
        model = Tensors({"w": START}, {})
        method = ready(L2SP(squared=squared), model)
        method.loss(SimpleNamespace(model=model, encoder=model.encoder)).backward()
        assert torch.equal(model.base.layers[0].w.grad, torch.zeros(2, 2))


def test_the_anchor_is_the_checkpoint_or_what_noise_made_of_it() -> None:
    check_anchor(L2SP)


def test_what_the_checkpoint_lacks_is_pulled_to_0_and_not_to_its_draw() -> None:
    check_drawn(L2SP())
    model: Any = bert()
    model.drawn = DRAWN
    method = ready(L2SP(beta=0.3), model, encoder := encoder_of(model))
    squares = sum(model.get_parameter(name).square().sum().item() for name in DRAWN)
    omega = method.loss(SimpleNamespace(model=model, encoder=encoder))
    assert omega.item() == pytest.approx(0.15 * squares)


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(L2SP(alpha=0.0, beta=0.0))


def test_l2sp_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(L2SP())


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"alpha": -0.1}, "alpha=-0.1"), ({"anchor": "cleen"}, "did you mean 'clean'")],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("l2sp.L2SP", settings, message)


@pytest.mark.parametrize(("name", "method"), [("l2sp", L2SP()), ("l2sp_unsquared", L2SP(squared=False))])
def test_a_configuration_is_the_method_it_names(
    name: str, method: Method, compose: Callable[..., dict[str, Any]]
) -> None:
    assert build(compose("protocol=noisytune", f"method=[{name}]").method) == {name: method}
