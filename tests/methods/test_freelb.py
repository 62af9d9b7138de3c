"""FreeLB equals its equation and its reference values, and plain fine-tuning in one pass from zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy import stats

from benchmark.errors import BenchmarkError
from benchmark.methods import build
from benchmark.methods.freelb import FreeLB
from benchmark.step.passes import Step, total_loss
from helpers import vectors
from helpers.draws import check_distribution
from helpers.losses import check_own_stream, check_regression, check_repeats, check_trains, configured
from helpers.refusals import check_refused
from helpers.small_models import small_step
from helpers.toys import attached, classifier_step, compare_gradients, scripted
from helpers.vectors import Case


class Watched(FreeLB):
    """FreeLB that keeps the perturbation and the loss of every pass."""

    def perturbed_loss(self, step: Step, delta: torch.Tensor, number: int) -> torch.Tensor:
        loss = super().perturbed_loss(step, delta, number)
        self.deltas = [*getattr(self, "deltas", []), delta.detach().clone()]
        self.losses = [*getattr(self, "losses", []), loss.detach()]
        return loss


@vectors.drives("freelb")
def test_freelb_equals_its_reference_values(case: Case) -> None:
    step, hyper = classifier_step(case), case.hyper
    case.only("norm", "l2")
    case.only("gradient_accumulation_steps", 1)
    method = attached(
        scripted(
            Watched,
            [case.tensor("uniform_raw")],
            epsilon=hyper["max_norm"],
            init_mag=hyper["init_mag"],
            alpha=hyper["adv_lr"],
            steps=hyper["adv_steps"],
            fidelity=case.choose("variant", {"fairseq": "fairseq", "huggingface": "paper"}),
        ),
        step,
    )
    loss = total_loss(step, [method])
    step.backward(loss)
    assert len(method.losses) == hyper["forward_passes"]
    case.close(torch.stack(method.losses), "losses")
    case.close(loss, "total_loss")
    assert case.count("delta") == len(method.deltas)
    for number, delta in enumerate(method.deltas):
        case.close(delta, f"delta_{number}", atol=1e-15)
    compare_gradients(case, step.model, atol=1e-13)


def test_the_start_and_the_ascent_by_hand() -> None:
    step = small_step(lengths=(4, 2))
    method = attached(scripted(FreeLB, [torch.ones(2, 4, 8)], epsilon=0.4, alpha=0.3), step)
    start = method.start(step)
    # 4 tokens of 8 units: 0.4 / sqrt(32); 2 tokens: 0.4 / 4, and nothing on the padding.
    torch.testing.assert_close(start[0], torch.full((4, 8), 0.4 / 32**0.5))
    torch.testing.assert_close(start[1, :2], torch.full((2, 8), 0.1))
    assert not start[1, 2:].any()
    # One step of length 0.3 along (0.6, 0.8) from 0, then from (0.4, 0) to the edge of the ball of 0.4.
    gradient = torch.tensor([[[3.0, 4.0]], [[0.0, 2.0]]])
    moved = method.ascend(torch.tensor([[[0.0, 0.0]], [[0.4, 0.0]]]), gradient)
    torch.testing.assert_close(moved, torch.tensor([[[0.18, 0.24]], [[0.32, 0.24]]]))


def test_the_start_has_a_size_of_its_own_where_it_is_given_one() -> None:
    step = small_step(lengths=(4, 2))
    method = attached(scripted(FreeLB, [torch.ones(2, 4, 8)], epsilon=0.4, init_mag=0.8), step)
    torch.testing.assert_close(method.start(step)[0], torch.full((4, 8), 0.8 / 32**0.5))


def test_every_start_is_uniform_between_minus_one_and_one() -> None:
    step = small_step()
    method = attached(FreeLB(epsilon=0.4), step)
    size = 0.4 / (4 * 8) ** 0.5
    starts = torch.stack([method.start(step) / size for _ in range(100)])
    check_distribution(starts, stats.uniform(-1, 2))


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
    method = attached(FreeLB(steps=4, init_mag=0.0, alpha=0.0), perturbed)
    loss = total_loss(perturbed, [method])
    perturbed.backward(loss)
    torch.testing.assert_close(loss, plain.task_loss())
    for one, other in zip(plain.model.parameters(), perturbed.model.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize(("dropout", "count"), [("shared", 1), ("independent", 3), ("off", 1)])
def test_the_passes_have_the_dropout_that_they_are_told(dropout: str, count: int) -> None:
    step = small_step(dropout=0.1)
    method = attached(Watched(steps=3, init_mag=0.0, alpha=0.0, dropout=dropout), step)
    total_loss(step, [method])
    assert len({loss.item() for loss in method.losses}) == count
    same = {"shared": step, "off": small_step(dropout=0.0)}.get(dropout)
    assert same is None or torch.equal(method.losses[0], same.task_loss())


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
def test_freelb_repeats_itself_and_its_gradients_are_numbers(kind: str) -> None:
    check_repeats(FreeLB, kind)


def test_the_start_comes_from_the_methods_own_stream() -> None:
    check_own_stream(FreeLB, lambda method, step: method.start(step))


@pytest.mark.parametrize("dropout", ["independent", "shared", "off"])
def test_a_regression_has_a_finite_loss_in_every_dropout(dropout: str) -> None:
    check_regression(FreeLB(dropout=dropout))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epsilon": -0.1}, "epsilon=-0.1"),
        ({"steps": 0}, "steps=0"),
        ({"fidelity": "fairsek"}, "did you mean 'fairseq'"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("freelb.FreeLB", settings, message)


@pytest.mark.parametrize("name", ["other", "a_name_before_freelb"])
def test_freelb_is_refused_beside_what_it_takes_the_task_loss_from(name: str) -> None:
    freelb, other = ({"_target_": f"benchmark.methods.{x}"} for x in ("freelb.FreeLB", "rdrop.RDrop"))
    with pytest.raises(BenchmarkError, match=r"method\.freelb.* cannot act together: .*the task loss"):
        build({"freelb": freelb, name: other})


@pytest.mark.parametrize("name", ["freelb", "freelb_fairseq"])
def test_every_configuration_trains(name: str, compose: Callable[..., Any]) -> None:
    check_trains(configured(compose, name))
