"""Mixup's loss is the cross-entropy of mixed targets at mixed states of what the head reads, for every architecture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy import stats
from torch.nn import functional

from benchmark.config.schema import TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods import prepare
from benchmark.methods.mixup import Mixup, reader
from benchmark.models import masks, packing
from benchmark.models.architecture import encoder_of, input_changed
from benchmark.step.passes import total_loss
from benchmark.testing.fixtures import PROTOCOL
from helpers.models import ARCHITECTURES
from helpers.refusals import check_refused
from helpers.small_models import (
    batch,
    bert,
    check_active_training,
    check_neutral_training,
    small_step,
    step_of,
)

QUIET = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


class Given(Mixup):
    """Mixup with a share of 0.3 and each example's partner the next one."""

    def draw(self, step: Any) -> tuple[float, torch.Tensor]:
        return 0.3, torch.arange(step.examples).roll(-1)


def test_the_loss_is_that_of_mixed_targets_at_mixed_states() -> None:
    model = bert(**QUIET)
    step = step_of(model, batch())
    step.targets = torch.tensor([0, 1, 1])
    loss = total_loss(step, [Given()])
    pooled = model.bert(**batch()).pooler_output
    mixed = 0.3 * pooled + 0.7 * pooled[[1, 2, 0]]
    hot = functional.one_hot(step.targets, 2).float()
    targets = 0.3 * hot + 0.7 * hot[[1, 2, 0]]
    torch.testing.assert_close(loss, functional.cross_entropy(model.classifier(mixed), targets))


def test_the_clean_pass_is_not_made() -> None:
    step = step_of(bert(), batch())
    total_loss(step, [Given()])
    assert step.passes == [("shared",)]


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES))
def test_the_first_part_of_a_head_reads_examples(kind: str) -> None:
    """An example alone is its own partner; and with all partners alike, all outputs are."""
    torch.manual_seed(0)
    model = ARCHITECTURES[kind]().eval()
    step = small_step(lengths=(5, 5, 5), model=model)
    model.eval()
    with torch.no_grad():
        alone = model(**{name: value[1:2] for name, value in step.inputs.items()}).logits
        with input_changed(reader(step), lambda state: state[[1, 1, 1]]):
            outputs = model(**step.inputs).logits
    torch.testing.assert_close(outputs, alone.expand_as(outputs), rtol=1e-4, atol=1e-5)


def test_without_padding_and_with_our_dropout_it_mixes_the_same() -> None:
    losses = []
    for packed in (False, True):
        model = bert(**QUIET)
        masks.install(model)
        step = step_of(model, batch())
        if packed:
            step.packing = packing.install(encoder_of(model))
            assert step.packing is not None
        step.targets = torch.tensor([0, 1, 1])
        losses.append(total_loss(step, [Given()]))
    torch.testing.assert_close(*losses)


def test_shares_are_of_the_beta_distribution_and_partners_a_permutation() -> None:
    method = Mixup(alpha=0.5)
    prepare({"it": method}, model := bert(), 1)
    steps = [step_of(model, batch(), number) for number in range(2000)]
    shares, partners = zip(*map(method.draw, steps), strict=True)
    assert stats.kstest(shares, stats.beta(0.5, 0.5).cdf).pvalue > 1e-4
    assert all(sorted(chosen.tolist()) == [0, 1, 2] for chosen in partners)
    firsts = torch.stack(partners)[:, 0].bincount(minlength=3)
    assert stats.chisquare(firsts.numpy()).pvalue > 1e-4


def test_a_draw_is_that_of_its_update() -> None:
    """A pass that is made again, as SAM's, mixes the same."""
    method = Mixup()
    prepare({"it": method}, model := bert(), 1)
    (share, partners), (again, them), (other, _) = (
        method.draw(step_of(model, batch(), number)) for number in (4, 4, 5)
    )
    assert share == again
    assert torch.equal(partners, them)
    assert share != other


@pytest.mark.parametrize(
    ("protocol", "task", "says"),
    [
        ({}, {"labels": []}, "a regression"),
        ({}, {"kind": "tagging"}, "task.kind=tagging"),
        ({"micro_batch_size": 2}, {}, "micro_batch_size=2 of 4: mixup takes partners"),
    ],
)
def test_what_it_cannot_mix_is_refused(protocol: dict[str, Any], task: dict[str, Any], says: str) -> None:
    config = TaskConfig(**{"name": "t", "labels": ["a", "b"], **task})
    with pytest.raises(BenchmarkError, match=says):
        Mixup().check(replace(PROTOCOL, **protocol), config)
    Mixup(alpha=0.0).check(replace(PROTOCOL, **protocol), config)
    Mixup().check(PROTOCOL, TaskConfig(name="t", labels=["a", "b"]))


def test_alpha_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(Mixup(alpha=0.0))


def test_it_changes_training() -> None:
    check_active_training(Mixup())


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("mixup.Mixup", {"alpha": -1.0}, "alpha=-1.0")
