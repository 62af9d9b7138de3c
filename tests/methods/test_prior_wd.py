"""PriorWD equals its equation, its reference values, and plain fine-tuning without a pull."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmark.methods import Method, build
from benchmark.methods.prior_wd import PriorWD
from benchmark.models.architecture import encoder_of
from benchmark.step.adam import VARIANTS
from benchmark.step.groups import parameter_groups
from helpers import vectors
from helpers.anchors import DRAWN, check_anchor, check_drawn
from helpers.quadratic import SGD, SLOPE, START, Problem, descended
from helpers.refusals import check_refused
from helpers.selections import Selection, selects
from helpers.small_models import bert, check_active_training, check_neutral_training, of_kind, xlnet
from helpers.toys import ready
from helpers.vectors import Case


@vectors.drives("l2sp", when=lambda hyper: "inner" in hyper)
def test_prior_wd_equals_its_reference_values(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    hyper = case.hyper
    pulls = hyper["weight_decay"]  # by tensor; the inner optimiser decays nothing
    if len({pull for pull in pulls if pull}) > 1:
        case.skip(f"weight_decay={pulls}: a pull of each group's own is not offered")
    monkeypatch.setitem(VARIANTS, "sgd", SGD)
    variant = case.choose("inner", {"sgd": "sgd", "torch_adamw": "adamw_torch"})
    betas, epsilon = ((0.0, 0.0), 0.0) if variant == "sgd" else ((0.9, 0.999), 1e-8)
    # The reference pulls whatever decays; here what is pulled lies in the encoder, and the rest in the head.
    problem = Problem(case, [pull > 0 for pull in pulls])
    method = ready(PriorWD(max(pulls), matrices_only=False), problem.model)
    problem.run([method], variant, [0.0] * problem.count, betas, epsilon)


@selects("head")
def test_the_head_is_what_the_reference_takes_for_it(case: Selection) -> None:
    model = of_kind(case)
    case.equal(case.everything - set(ready(PriorWD(matrices_only=False), model, encoder_of(model)).anchors))


def test_prior_wd_by_hand() -> None:
    method, anchor = PriorWD(weight_decay=0.5), torch.zeros(2, 2)
    torch.testing.assert_close(descended(method, anchor), START * (1 - 0.1 * 0.5) - 0.1 * SLOPE)
    torch.testing.assert_close(descended(method, anchor, head=True), START - 0.1 * SLOPE)
    released = PriorWD(weight_decay=0.5, fidelity="released")
    torch.testing.assert_close(descended(released, anchor, head=True), START * 0.95 - 0.1 * SLOPE)


def test_prior_wd_pulls_the_weights_that_would_decay() -> None:
    for model in (bert(), xlnet()):
        method = ready(PriorWD(fidelity="released"), model, encoder_of(model))
        decaying = [
            name for group in parameter_groups(model, 0.01) if group.weight_decay for name in group.names
        ]
        assert set(method.anchors) == set(decaying)


def test_the_anchor_is_the_checkpoint_or_what_noise_made_of_it() -> None:
    check_anchor(PriorWD)


def test_what_the_checkpoint_lacks_is_pulled_only_as_released() -> None:
    check_drawn(PriorWD(matrices_only=False))
    check_drawn(PriorWD(), all_of_them=False)
    model: Any = bert()
    model.drawn = DRAWN
    released = ready(PriorWD(fidelity="released"), model, encoder_of(model))
    assert {"bert.pooler.dense.weight", "classifier.weight"} <= set(released.anchors)


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(PriorWD(weight_decay=0.0, fidelity="released"))


def test_prior_wd_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(PriorWD())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight_decay": -0.1}, "weight_decay=-0.1"),
        ({"fidelity": "papers"}, "did you mean 'paper'"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("prior_wd.PriorWD", settings, message)


@pytest.mark.parametrize(
    ("name", "method"), [("prior_wd", PriorWD()), ("prior_wd_released", PriorWD(fidelity="released"))]
)
def test_a_configuration_is_the_method_it_names(
    name: str, method: Method, compose: Callable[..., dict[str, Any]]
) -> None:
    assert build(compose("protocol=noisytune", f"method=[{name}]").method) == {name: method}
