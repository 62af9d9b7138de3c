"""Label smoothing is PyTorch's in training, and evaluations report the loss as it is."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from benchmark.config.schema import TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods import build, prepare
from benchmark.methods.label_smoothing import LabelSmoothing
from benchmark.step.passes import total_loss
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from helpers.refusals import check_refused
from helpers.small_models import check_active_training, check_neutral_training
from helpers.toys import logits_step
from helpers.tuning import finetune


def test_the_loss_is_that_of_pytorch() -> None:
    logits, targets = torch.randn(6, 3, generator=torch.Generator().manual_seed(1)), torch.arange(6) % 3
    loss = total_loss(logits_step([logits], targets), [LabelSmoothing(smoothing=0.3)])
    torch.testing.assert_close(loss, functional.cross_entropy(logits, targets, label_smoothing=0.3))


def test_evaluations_report_the_cross_entropy_as_it_is() -> None:
    method, task = LabelSmoothing(smoothing=0.4), small_task()
    prepare({"it": method}, model := tiny_model(), 1)
    outcome = finetune(model, task, {"it": method}, PROTOCOL, 1, CPU)
    outputs, targets = torch.from_numpy(outcome.outputs["validation"][-1]), task.training.targets
    plain = functional.cross_entropy(outputs, targets).item()
    assert outcome.curve[-1].losses["validation"] == pytest.approx(plain)
    assert plain != pytest.approx(functional.cross_entropy(outputs, targets, label_smoothing=0.4).item())


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (TaskConfig(name="stsb", labels=[]), r"task.labels=\[\] \(task 'stsb', a regression\)"),
        (TaskConfig(name="squad", kind="answers"), r"task.kind=answers \(task 'squad'\)"),
    ],
)
def test_a_task_without_classes_is_refused(task: TaskConfig, says: str) -> None:
    with pytest.raises(BenchmarkError, match=says):
        LabelSmoothing().check(PROTOCOL, task)
    LabelSmoothing(smoothing=0.0).check(PROTOCOL, task)
    for kind in ("classification", "tagging"):
        LabelSmoothing().check(PROTOCOL, TaskConfig(name="t", kind=kind, labels=["a", "b"]))


def test_a_run_that_cannot_have_it_is_refused_before_it_begins(compose, cli) -> None:
    status, _, errors = cli("protocol=demo", "model=embedded", "task=closeness", "method=[label_smoothing]")
    assert status == 2
    assert "task.labels=[] (task 'closeness', a regression): label smoothing needs classes" in errors


def test_rdrop_whose_cross_entropies_would_be_plain_is_refused() -> None:
    chosen = {name: {"_target_": f"benchmark.methods.{name}"} for name in ("rdrop.RDrop",)}
    chosen["smooth"] = {"_target_": "benchmark.methods.label_smoothing.LabelSmoothing"}
    with pytest.raises(BenchmarkError, match="which LabelSmoothing replaces"):
        build(chosen)


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(LabelSmoothing(smoothing=0.0))


def test_it_changes_training() -> None:
    check_active_training(LabelSmoothing())


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("label_smoothing.LabelSmoothing", {"smoothing": 1.1}, "smoothing=1.1")
