"""The measures of disagreement equal the papers' terms, averaged over examples, and mt-dnn's criteria."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from benchmark.methods.common import divergences as measures
from benchmark.methods.r3f import R3F
from benchmark.methods.rdrop import RDrop
from benchmark.step.passes import Step, total_loss
from helpers import vectors
from helpers.toys import logits_step
from helpers.vectors import Case


@vectors.drives("loss_forms")
def test_the_papers_terms_equal_their_reference_values(case: Case) -> None:
    labels = case.tensor("labels")
    alpha, strength = case.hyper["alpha"], case.hyper["r3f_lambda"]

    def classes() -> Step:
        return logits_step([case.tensor("logits1"), case.tensor("logits2")], labels)

    def scores() -> Step:
        passes = [case.tensor(f"score{i}").unsqueeze(-1) for i in (1, 2)]
        return logits_step(passes, case.tensor("target"), regression=True)

    one, two = classes().model.seen
    case.close(measures.kl(one, two), "kl_1_2")
    case.close(measures.kl(two, one), "kl_2_1")
    case.close(measures.symmetric_kl(one, two).mean(), "smart_symkl_batchmean")
    case.close(functional.cross_entropy(one, labels, reduction="none"), "ce1")
    case.close(functional.cross_entropy(two, labels, reduction="none"), "ce2")
    case.close(measures.disagreement(*scores().model.seen, regression=True).mean(), "smart_mse")
    no_noise = R3F(strength=strength, fidelity="released")
    case.close(total_loss(classes(), [RDrop(alpha)]), "rdrop_paper_batchmean")
    case.close(total_loss(classes(), [no_noise]), "r3f_paper_batchmean")
    case.close(total_loss(scores(), [RDrop(alpha)]), "rdrop_mse_regression")
    case.close(total_loss(scores(), [no_noise]), "r3f_mse_regression")


def test_measures_by_hand() -> None:
    """Equal odds against 3 to 1."""
    even, odd = torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(3), 0.0]])
    forth = 0.5 * math.log(2 / 3) + 0.5 * math.log(2)
    back = 0.75 * math.log(3 / 2) + 0.25 * math.log(1 / 2)
    assert measures.kl(even, odd).item() == pytest.approx(forth)
    assert measures.kl(odd, even).item() == pytest.approx(back)
    assert measures.symmetric_kl(even, odd).item() == pytest.approx(math.log(3) / 4)
    assert measures.detached_symmetric_kl(even, odd).item() == pytest.approx(math.log(3) / 4)
    assert measures.squared_error(torch.tensor([[1.0]]), torch.tensor([[3.0]])).tolist() == [4.0]
