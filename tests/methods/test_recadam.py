"""RecAdam equals its equation, its reference values, and plain fine-tuning without a pull."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmark.methods import Method, build, prepare
from benchmark.methods.recadam import RecAdam
from benchmark.models.architecture import encoder_of
from helpers import vectors
from helpers.anchors import check_anchor, check_drawn
from helpers.quadratic import SLOPE, START, Problem, betas_of, by_tensor, descended
from helpers.refusals import check_refused
from helpers.selections import Selection, selects
from helpers.small_models import bert, check_active_training, check_neutral_training, of_kind, trained
from helpers.toys import ready
from helpers.vectors import Case


@vectors.drives("recadam")
def test_recadam_equals_its_reference_values(case: Case) -> None:
    hyper = case.hyper
    case.only("max_grad_norm", 0, 0.0)
    annealing = case.choose(
        "anneal_fun", {name: name for name in ("sigmoid", "linear", "constant")}, "sigmoid"
    )
    shares = by_tensor(case, "anneal_w")
    if not set(shares) <= {0, 1}:
        case.skip(f"anneal_w={shares}: a weight of the pull by group is not offered")
    method = RecAdam(hyper["pretrain_cof"], hyper["anneal_k"], hyper["anneal_t0"], annealing)
    problem = Problem(case, [share > 0 for share in shares], anchor="pretrained")
    ready(method, problem.model)
    case.close([method.annealed(t + 1) for t in range(hyper["steps"])], "anneal_lambda")
    variant = "adamw" if hyper["correct_bias"] else "adamw_no_bias"
    problem.run([method], variant, by_tensor(case, "weight_decay"), betas_of(case), hyper["eps"])


@selects("recadam_penalised")
def test_recadam_pulls_the_tensors_the_reference_pulls(case: Selection) -> None:
    model = of_kind(case)
    case.equal(ready(RecAdam(), model, encoder_of(model)).anchors)


def test_recadam_by_hand() -> None:
    method = RecAdam(pull=4.0, t0=4, annealing="linear")
    moved = START - 0.1 * 0.25 * SLOPE  # lambda(1) = 1/4
    torch.testing.assert_close(descended(method, anchor=torch.zeros(2, 2)), moved - 0.1 * 0.75 * 4 * moved)
    torch.testing.assert_close(descended(method, torch.zeros(2, 2), head=True), START - 0.1 * SLOPE)


def test_the_annealing_is_a_sigmoid_of_rate_k_around_t0() -> None:
    method = RecAdam(k=0.2, t0=3)
    for update in (1, 2, 3, 5, 9):
        assert method.annealed(update) == pytest.approx(1 / (1 + math.exp(-0.2 * (update - 3))))


def test_the_annealing_does_not_overflow() -> None:
    method = RecAdam(k=1.0, t0=1000)
    assert method.annealed(1) == pytest.approx(0.0, abs=1e-300)
    assert method.annealed(1000) == 0.5
    assert method.annealed(100_000) == 1.0


def test_constant_annealing_pulls_nothing() -> None:
    method = RecAdam(annealing="constant")
    assert torch.equal(descended(method, torch.zeros(2, 2)), START - 0.1 * SLOPE)


def test_the_anchor_is_the_checkpoint_or_what_noise_made_of_it() -> None:
    check_anchor(RecAdam)


def test_what_the_checkpoint_lacks_is_not_pulled() -> None:
    check_drawn(RecAdam())


def test_a_random_start_keeps_the_head_the_anchor_and_everybody_elses_chance() -> None:
    models = [bert(seed=3) for _ in range(3)]
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


@pytest.mark.parametrize("method", [RecAdam(pull=0.0), RecAdam(pull=0.0, start="random")], ids=repr)
def test_strength_zero_is_plain_fine_tuning_bit_for_bit(method: Method) -> None:
    check_neutral_training(method)


def test_recadam_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(RecAdam(t0=2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pull": -1.0}, "pull=-1.0"),
        ({"t0": 0}, "t0=0"),
        ({"annealing": "sigmoyd"}, "did you mean 'sigmoid'"),
        ({"anchor": "noisy"}, "unknown anchor 'noisy'"),
        ({"start": "randm"}, "did you mean 'random'"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("recadam.RecAdam", settings, message)


@pytest.mark.parametrize(
    ("name", "method"), [("recadam", RecAdam()), ("recadam_random_start", RecAdam(start="random"))]
)
def test_a_configuration_is_the_method_it_names(
    name: str, method: Method, compose: Callable[..., dict[str, Any]]
) -> None:
    assert build(compose("protocol=noisytune", f"method=[{name}]").method) == {name: method}
