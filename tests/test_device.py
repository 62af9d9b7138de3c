"""An update on an accelerator never waits for it, and never mixes its tensors with the host's.

A device without memory stands for the GPU: whatever looks at a value, and so would wait, fails there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from test_architectures import ARCHITECTURES
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import BertConfig, BertForQuestionAnswering, BertForTokenClassification, PreTrainedModel

from benchmark import attention, chance, finetune
from benchmark.architecture import encoder_of
from benchmark.config import ROOT
from benchmark.methods import Method, Setting, build, noisytune, prepare
from benchmark.optimizers import Optimizer, Update, grouped
from benchmark.step import Step
from benchmark.tasks import Task
from benchmark.tasks.answers import Answers
from benchmark.tasks.tagging import Tagging
from benchmark.testing.fixtures import SHAPE, settings_of, small_task, tiny_model

DEVICE = torch.device("meta")
METHODS = sorted(path.stem for path in (ROOT / "conf" / "method").glob("*.yaml"))


class Apart(TorchDispatchMode):
    """Fails where an operation mixes devices, or copies to the device while the host waits."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        there = [tensor for tensor in tensors if tensor.device == DEVICE]
        here = [tensor for tensor in tensors if tensor.device != DEVICE and tensor.dim()]
        copies = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
        assert copies or not (there and here), f"{func} has tensors of both devices"
        if copies and here and (there or kwargs.get("device") == DEVICE):
            waits = not (kwargs.get("non_blocking") or (len(args) > 2 and args[2]))
            assert not waits, f"{func}: the host waits for its copy to the device"
        return func(*args, **kwargs)


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the device lacks: generators, autocast, and kernels for sequences of unlike length."""
    monkeypatch.setattr(attention, "by_kernel", lambda q, k, v, *_: q + k + v)
    monkeypatch.setattr(noisytune, "sample_std", lambda _: 1.0)  # before the first update it may look
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda _: False)
    stream = Setting.stream
    monkeypatch.setattr(Setting, "stream", lambda self, *purpose, device="cpu": stream(self, *purpose))


def update(acting: dict[str, Method], model: PreTrainedModel | None = None, task: Task | None = None) -> None:
    """Two updates of ``model`` on the device; ``acting`` are there by name."""
    model, task, methods = model or tiny_model(), task or small_task(), list(acting.values())
    encoder = encoder_of(model)
    chance.install(model)
    hooks = finetune.without_padding(encoder, methods)
    model.to(DEVICE)
    prepare(acting, model, 1)
    optimizer = Optimizer(grouped(model, 0.01), "adamw", (0.9, 0.999), 1e-8, methods, total=2)
    parameters = [p for group in optimizer.groups for p in group.parameters]
    for number in range(2):
        with Apart():
            inputs, targets = finetune.to_device(task, task.training, [0, 1, 2, 3], DEVICE, hooks)
            step = Step(model, encoder, task, inputs, targets, number, 2, seed=1, packing=hooks)
            step.backward(finetune.total_loss(step, methods))
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step(1e-3)


def of(name: str) -> dict[str, Method]:
    """The method of a file of conf/method, by its name."""
    return build({name: settings_of(ROOT / "conf" / "method" / f"{name}.yaml")})


@pytest.mark.parametrize("name", METHODS)
def test_an_update_with_a_method_waits_for_nothing(name: str) -> None:
    update(of(name))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_update_of_every_kind_of_model_waits_for_nothing(architecture: str) -> None:
    update({}, ARCHITECTURES[architecture]())


@pytest.mark.parametrize("kind", ["tagging", "answers"])
def test_an_update_with_every_kind_of_task_waits_for_nothing(kind: str) -> None:
    task = small_task()
    count = len(task.training)
    if kind == "tagging":
        words = [torch.arange(len(ids)) % 2 for ids in task.training.ids]
        task = replace(task, kind=Tagging(["a", "b"]), training=replace(task.training, targets=words))
        model = BertForTokenClassification(BertConfig(**SHAPE))
    else:
        ends = torch.zeros(count, 2, dtype=torch.long)
        task = replace(task, kind=Answers(), training=replace(task.training, targets=ends))
        model = BertForQuestionAnswering(BertConfig(**SHAPE))
    update({}, model, task)


class Looking(Method):
    """Looks at a value on the device."""

    def gradient(self, update: Update) -> None:
        assert float(update.gradients[0].sum()) < 9e9


class Mixing(Method):
    """Adds the host's numbers to the device's."""

    def gradient(self, update: Update) -> None:
        update.gradients[0].index_add_(0, torch.zeros(1, dtype=torch.long), update.gradients[0][:1])


class Waiting(Method):
    """Copies numbers to the device while the host waits."""

    def gradient(self, update: Update) -> None:
        torch.zeros(3).to(DEVICE)


@pytest.mark.parametrize("method", [Looking(), Mixing(), Waiting()], ids=lambda method: type(method).__name__)
def test_a_method_that_waits_is_found_out(method: Method) -> None:
    with pytest.raises((RuntimeError, AssertionError), match=r"meta tensors|both devices|waits"):
        update({"it": method})
