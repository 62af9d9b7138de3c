"""R-Drop equals its equation and the reference values of its released forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmark.methods.common import divergences as measures
from benchmark.methods.rdrop import RDrop
from benchmark.step.passes import total_loss
from helpers import vectors
from helpers.losses import check_regression, check_repeats, check_trains, configured
from helpers.refusals import check_refused
from helpers.small_models import small_step
from helpers.toys import attached, logits_step
from helpers.vectors import Case

CONFIGURATIONS = {
    "hf_bert": "rdrop_fork_bert",
    "hf_roberta": "rdrop_fork_roberta",
    "readme": "rdrop_readme",
}
EVEN, ODD = torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([[math.log(3), 0.0], [0.0, math.log(3)]])


@vectors.drives("rdrop")
def test_rdrop_equals_its_reference_values(case: Case, compose: Callable[..., Any]) -> None:
    name = case.choose("variant", CONFIGURATIONS)
    regression, alpha = case.hyper["num_labels"] == 1, case.hyper["alpha"]
    assert case.hyper["batch"] == len(case["labels"])
    method = configured(compose, name, **({} if alpha is None else {"alpha": alpha}))
    step = logits_step([case.tensor("logits1"), case.tensor("logits2")], case.tensor("labels"), regression)
    loss = total_loss(step, [method])
    loss.backward()
    case.close(loss, "loss")
    for number, logits in enumerate(step.model.seen, 1):
        gradient = torch.zeros_like(logits) if logits.grad is None else logits.grad
        case.close(gradient, f"grad_logits{number}", atol=1e-12)
    if not regression:
        one, two = step.model.seen
        case.close(measures.kl(one, two), "kl_1_2")
        case.close(measures.kl(two, one), "kl_2_1")


def test_rdrop_by_hand() -> None:
    # Equal odds against 3 to 1, and the other way round in the second example.
    half_kls = 0.5 * (math.log(3) * 0.25)  # sum (p - q)(log p - log q) = (1/2 - 3/4)(-log 3) + … = log(3) / 4
    entropies = math.log(2) + math.log(4 / 3)
    term = 1.7 * half_kls

    def loss(**settings: Any) -> float:
        step = logits_step([EVEN.clone(), ODD.clone()], torch.tensor([0, 1]))
        return total_loss(step, [RDrop(alpha=1.7, **settings)]).item()

    assert loss() == pytest.approx(entropies + term)
    assert loss(kl_reduction="sum") == pytest.approx(entropies + 2 * term)
    assert loss(ce_reduction="mean") == pytest.approx(entropies / 2 + term)
    assert loss(ce_reduction="first") == pytest.approx(math.log(2) / 2 + term)


def test_both_passes_learn_by_hand() -> None:
    step = logits_step([EVEN[:1].clone(), ODD[:1].clone()], torch.tensor([0]))
    total_loss(step, [RDrop(alpha=1.7)]).backward()
    first, second = (logits.grad[0, 0].item() for logits in step.model.seen)
    # Of its own cross-entropy, p - 1; of both divergences, p [log(p / q) - KL(p || q)] + p - q, and the other way.
    assert first == pytest.approx(1 / 2 - 1 + 1.7 / 2 * (-math.log(3) / 4 - 1 / 4))
    assert second == pytest.approx(3 / 4 - 1 + 1.7 / 2 * (3 / 4 * math.log(3) / 4 + 1 / 4))


@pytest.mark.parametrize(("own", "alpha"), [(None, 1.7), (0.3, 0.3)])
def test_rdrop_of_a_regression_by_hand(own: float | None, alpha: float) -> None:
    step = logits_step([torch.tensor([[1.0]]), torch.tensor([[3.0]])], torch.tensor([0.0]), regression=True)
    loss = total_loss(step, [RDrop(alpha=1.7, regression_alpha=own)])
    assert loss.item() == pytest.approx(1 + 9 + alpha * 4)


def test_the_second_pass_has_dropout_of_its_own() -> None:
    step = small_step(dropout=0.1)
    method = attached(RDrop(alpha=1.7), step)
    second, _ = step.further(method.beside(step))
    assert not torch.equal(step.logits, second)
    apart = measures.symmetric_kl(step.logits, second) / 2
    torch.testing.assert_close(method.disagreement(step, second), 1.7 * apart.mean())
    assert apart.mean() > 1e-4


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


@pytest.mark.parametrize("kind", ["bert", "xlnet"])
def test_rdrop_repeats_itself_and_its_gradients_are_numbers(kind: str) -> None:
    check_repeats(RDrop, kind)


def test_a_regression_has_a_finite_loss() -> None:
    check_regression(RDrop())


def test_the_clean_pass_keeps_its_dropout() -> None:
    expected = small_step(dropout=0.1).logits
    step = small_step(dropout=0.1)
    attached(RDrop(), step).loss(step)
    assert torch.equal(step.logits, expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": -1.0}, "alpha=-1.0"),
        ({"regression_alpha": -1.0}, "regression_alpha=-1.0"),
        ({"kl_reduction": "summ"}, "did you mean 'sum'"),
        ({"ce_reduction": "frist"}, "did you mean 'first'"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("rdrop.RDrop", settings, message)


@pytest.mark.parametrize("name", ["rdrop", "rdrop_readme", "rdrop_fork_bert", "rdrop_fork_roberta"])
def test_every_configuration_trains(name: str, compose: Callable[..., Any]) -> None:
    check_trains(configured(compose, name))
