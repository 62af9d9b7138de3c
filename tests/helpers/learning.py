"""Small fine-tunings on any device: methods by file, tasks of every kind, and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import yaml
from hydra.utils import get_class
from transformers import PreTrainedModel

from benchmark.config.compose import ROOT
from benchmark.methods import Method, build, prepare
from benchmark.tasks import Task
from benchmark.tasks.answers import Answers
from benchmark.tasks.tagging import Tagging
from benchmark.tasks.word_pieces import IGNORED
from benchmark.testing.fixtures import CPU, PROTOCOL, SPECIAL, settings_of, small_task, tiny_model
from benchmark.training.journal import Outcome
from benchmark.training.snapshot import NEVER, Keeping
from helpers.tuning import finetune

LONGER = replace(PROTOCOL, evaluations_per_epoch=1 / 2)


def of(name: str) -> dict[str, Method]:
    """The method of a file of conf/method, by method name."""
    return build({name: settings_of(ROOT / "conf" / "method" / f"{name}.yaml")})


# One file of every class.
FILES = {
    get_class(yaml.safe_load(path.read_text())["_target_"]): path.stem
    for path in sorted((ROOT / "conf" / "method").glob("*.yaml"), reverse=True)
}
REPLAYED = sorted(name for method, name in FILES.items() if not method.not_captured)


def tuned(
    names: Sequence[str] = (),
    *,
    task: Task | None = None,
    model: PreTrainedModel | None = None,
    snapshot: Keeping = NEVER,
    replay: bool | None = None,
    on: torch.device = CPU,
    **protocol: Any,
) -> tuple[PreTrainedModel, Outcome]:
    """Fine-tune a small model with methods of conf/method; return model and outcome."""
    model, task, settings = (model or tiny_model()).to(on), task or small_task(), replace(LONGER, **protocol)
    model.special_tokens = SPECIAL  # type: ignore[assignment]
    methods = {name: method for one in names for name, method in of(one).items()}
    prepare(methods, model, 1)
    return model, finetune(model, task, methods, settings, 1, on, snapshot, replay=replay)


def assert_same(one: tuple[Any, Outcome], other: tuple[Any, Outcome]) -> None:
    """Assert that two fine-tunings have the same losses and weights, to the bit."""
    assert np.array_equal(one[1].losses, other[1].losses)
    for name, value in one[0].state_dict().items():
        assert torch.equal(value, other[0].state_dict()[name]), name


def words() -> Task:
    """A tagging task: sentences with a class for some of their words."""
    task = small_task()
    targets = [torch.arange(len(ids)) % 3 - 1 for ids in task.training.ids]
    targets = [one.where(one >= 0, IGNORED) for one in targets]
    training = replace(task.training, targets=targets)
    return replace(task, kind=Tagging(["a", "b"]), training=training, evaluation={})


def questions() -> Task:
    """A question-answering task whose answers go from the second token to the last."""
    task = small_task()
    ends = torch.tensor([[1, len(ids) - 1] for ids in task.training.ids])
    return replace(task, kind=Answers(), training=replace(task.training, targets=ends), evaluation={})


TASKS = (small_task, words, questions)
