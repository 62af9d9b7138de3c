"""Runs on an accelerator: nothing of the host's is mixed with its tensors, and no update waits for it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from benchmark import tasks
from benchmark.config.compose import ROOT
from benchmark.config.schema import RunConfig
from benchmark.methods import Method, prepare
from benchmark.runs.run import Run, run
from benchmark.step.update import Update
from benchmark.tasks import Examples, Task
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from helpers.accelerator import DEVICE, accelerator
from helpers.learning import FILES, TASKS, of
from helpers.models import ARCHITECTURES, CONFIGS, HEADS
from helpers.tuning import finetune

ONCE = replace(PROTOCOL, epochs=1)  # three updates, and an evaluation after the last
PROBES = sorted(
    {path.stem for path in (ROOT / "conf" / "probe").glob("*.yaml")} - {"linear_probe"}
)  # its twin is quick


def waits(
    acting: dict[str, Method], model: PreTrainedModel | None = None, task: Task | None = None
) -> list[str]:
    """What a host waited for in a fine-tuning on the device, from the end of the first update to that of the last."""
    found: list[list[str]] = []
    with accelerator() as device:
        model = (model or tiny_model()).to(DEVICE)
        prepare(acting, model, 1)
        outcome = finetune(
            model, task or small_task(), list(acting.values()), ONCE, 1, DEVICE,
            tell=lambda what, done, total: found.append(list(device.waits)) if what == "updates" else None,
        )  # fmt: skip
    assert outcome.diverged is None
    assert np.isfinite(outcome.losses).all()
    first, *_, last = found
    return last[len(first) :]


@pytest.mark.parametrize("name", FILES.values())
def test_an_update_with_a_method_waits_for_nothing(name: str) -> None:
    assert waits(of(name)) == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_update_of_every_kind_of_model_waits_for_nothing(architecture: str) -> None:
    assert waits({}, ARCHITECTURES[architecture]()) == []


@pytest.mark.parametrize("make", TASKS)
def test_an_update_with_every_kind_of_task_waits_for_nothing(make: Callable[[], Task]) -> None:
    model = HEADS["bert"][TASKS.index(make)](copy.deepcopy(CONFIGS["bert"]))
    assert waits({}, model, make()) == []


class Looking(Method):
    """Looks at a value on the device."""

    def gradient(self, update: Update) -> None:
        assert float(update.gradients[0].sum()) < 9e9


class Finding(Method):
    """Has as many numbers as the device finds."""

    def gradient(self, update: Update) -> None:
        update.gradients[0][update.gradients[0] > 9e9].sum()


class Sending(Method):
    """Sends numbers to the device while the host waits."""

    def gradient(self, update: Update) -> None:
        torch.zeros(3).to(DEVICE)


class Mixing(Method):
    """Adds the host's numbers to the device's."""

    def gradient(self, update: Update) -> None:
        update.gradients[0].index_add_(0, torch.zeros(1, dtype=torch.long), update.gradients[0][:1])


@pytest.mark.parametrize(
    "method", [Looking(), Finding(), Sending()], ids=lambda method: type(method).__name__
)
def test_a_method_that_waits_is_found_out(method: Method) -> None:
    assert waits({"it": method}) != []


def test_a_method_that_mixes_devices_is_found_out() -> None:
    with pytest.raises(AssertionError, match=r"index_add.* has tensors of both devices"):
        waits({"it": Mixing()})


def test_a_device_computes_what_a_cpu_computes() -> None:
    found = []
    for device in (CPU, DEVICE):
        with accelerator():
            model = tiny_model(dropout=0.0).to(device)
            found.append(finetune(model, small_task(), [], PROTOCOL, 1, device))
    np.testing.assert_allclose(found[0].losses, found[1].losses, rtol=1e-5)
    for one, other in zip(*(outcome.outputs["validation"] for outcome in found), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


WHOLE = {
    **{f"task {name}": [f"task={name}"] for name in ("opinion", "closeness")},
    **{
        f"task {name}": [f"task={name}", "model=embedded_multilingual", "task.languages=[en,de]"]
        for name in ("word_classes", "questions", "inference")
    },
    **{f"probe {name}": [f"probe=[{name}]"] for name in PROBES},
    "a snapshot": ["snapshot_minutes=0"],
}
WHOLE["probe linear_probe_embedded"].append("probe.linear_probe.examples=50")


@pytest.fixture
def little_to_evaluate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of sentences to classify have 40 examples: the stand-in is slow, and all batches go the same way."""
    whole = tasks.load

    def load(*given: Any) -> Task:
        task = whole(*given)
        sets = {
            name: examples.taken(np.arange(40)) if type(examples) is Examples else examples
            for name, examples in task.evaluation.items()
        }
        return replace(task, evaluation=sets)

    monkeypatch.setattr(tasks, "load", load)


@pytest.mark.parametrize("what", WHOLE)
def test_a_whole_run_mixes_no_devices(
    what: str,
    tiny: Callable[..., RunConfig],
    little_to_evaluate: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmark.config.validation.DEVICE", re.compile(str(DEVICE)))
    monkeypatch.setattr("benchmark.runs.run.check_machine", lambda config: None)
    with accelerator():
        record = run(Run(tiny(*WHOLE[what], "data.count=16", f"device={DEVICE}")))
    assert record.status == "finished"
