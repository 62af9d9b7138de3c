"""A learner gives every part of a batch its shares, by which terms of the loss add up to the batch's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForTokenClassification

from benchmark.methods import prepare
from benchmark.methods.lnsr import LNSR
from benchmark.randomness import Seeds
from benchmark.tasks import Task
from benchmark.tasks.tagging import Sentences
from benchmark.testing.fixtures import CPU, EXAMPLES, PROTOCOL, SHAPE, small_task, tiny_model
from benchmark.training.assemble import assembled
from helpers.learning import words


class Steady(LNSR):
    """LNSR whose noise on a token does not depend on the part of the batch in which it stands."""

    def draw(self, state: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return (7 * state.detach()).sin()


def uneven() -> Task:
    """A tagging task whose share of labelled words is another one in every sentence."""
    task = words()
    made = task.training
    counted = Sentences(made.ids, None, made.targets, pieces=[], lengths=np.array([]), truth=np.array([]))
    return replace(task, training=counted)


def tagger() -> Any:
    torch.manual_seed(0)
    return BertForTokenClassification(
        BertConfig(**SHAPE, hidden_dropout_prob=0, attention_probs_dropout_prob=0)
    )


def parts(method: LNSR, kind: str, size: int | None) -> list[Any]:
    """The parts, of ``size`` examples, of a batch of all examples."""
    model, task = (tagger(), uneven()) if kind == "tagging" else (tiny_model(0.0), small_task(EXAMPLES))
    prepare({"it": method}, model, 1)
    protocol = replace(PROTOCOL, batch_size=EXAMPLES, micro_batch_size=size)
    learner: Any = assembled(model, task, {"it": method}, protocol, Seeds.all(1), CPU).learner
    return list(learner.steps(0, list(range(EXAMPLES))))


@pytest.mark.parametrize("kind", ["classification", "tagging"])
def test_the_shares_of_the_parts_add_up_to_1(kind: str) -> None:
    steps = parts(Steady(), kind, 3)
    assert len(steps) == 3
    for share in ("share", "share_of_examples", "share_of_tokens"):
        assert sum(getattr(step, share) for step in steps) == pytest.approx(1)
    assert len({step.share / step.share_of_examples for step in steps}) == (3 if kind == "tagging" else 1)
    tokens = [int(step.inputs["attention_mask"].sum()) for step in steps]
    assert [step.share_of_tokens for step in steps] == [count / sum(tokens) for count in tokens]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("kind", ["classification", "tagging"])
def test_the_parts_of_lnsr_add_up_to_the_batch(kind: str, reduction: str) -> None:
    whole, divided = (
        sum(step.share * method.loss(step).item() for step in parts(method, kind, size))
        for size in (None, 3)
        for method in [Steady(sigma=0.5, reduction=reduction)]
    )
    assert divided == pytest.approx(whole, rel=1e-5)
