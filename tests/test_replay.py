"""Passes that are played from a recording are, to the bit, those that are computed; on a stand-in for a GPU."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerator import DEVICE, Accelerator, accelerator
from test_packing import CONFIGS, HEADS
from transformers import BertConfig, PreTrainedModel

from benchmark.config.compose import ROOT
from benchmark.methods import Method, build, prepare
from benchmark.records.store import Store
from benchmark.tasks import Task
from benchmark.tasks.answers import Answers
from benchmark.tasks.tagging import Tagging
from benchmark.tasks.word_pieces import IGNORED
from benchmark.testing.fixtures import (
    PROTOCOL,
    SHAPE,
    Interrupting,
    ProcessGoneError,
    settings_of,
    small_task,
    tiny_model,
)
from benchmark.training.graphs import Replay
from benchmark.training.loop import Outcome, finetune
from benchmark.training.snapshot import Snapshot

LONGER = PROTOCOL | {"epochs": 3, "evaluations_per_epoch": 1 / 3}


@pytest.fixture(autouse=True)
def device() -> Iterator[Accelerator]:
    """A device that has graphs."""
    with accelerator() as found:
        yield found


def of(name: str) -> dict[str, Method]:
    """The method of a file of conf/method, by its name."""
    return build({name: settings_of(ROOT / "conf" / "method" / f"{name}.yaml")})


# One file of every class.
FILES = {
    type(of(path.stem)[path.stem]): path.stem
    for path in sorted((ROOT / "conf" / "method").glob("*.yaml"), reverse=True)
}
PLAYED = sorted(name for method, name in FILES.items() if method.passes_alike)


def tuned(
    names: Sequence[str] = (),
    *,
    task: Task | None = None,
    model: PreTrainedModel | None = None,
    snapshot: Snapshot | None = None,
    replay: bool = True,
    **protocol: Any,
) -> tuple[PreTrainedModel, Outcome]:
    """A small model after a fine-tuning with methods of conf/method, and its outcome."""
    model, task, settings = (model or tiny_model()).to(DEVICE), task or small_task(), LONGER | protocol
    methods = {name: method for one in names for name, method in of(one).items()}
    prepare(methods, model, 1)
    return model, finetune(model, task, list(methods.values()), settings, 1, DEVICE, snapshot, replay=replay)


def computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let batches be filled up, and nothing be played."""
    learn = Replay.learn

    def afresh(self: Replay, number: int, indices: list[int]) -> torch.Tensor | None:
        self.recordings.clear()
        return learn(self, number, indices)

    monkeypatch.setattr(Replay, "learn", afresh)


def assert_same(one: tuple[Any, Outcome], other: tuple[Any, Outcome]) -> None:
    assert np.array_equal(one[1].losses, other[1].losses)
    for name, value in one[0].state_dict().items():
        assert torch.equal(value, other[0].state_dict()[name]), name


@pytest.mark.parametrize("name", PLAYED)
def test_a_played_pass_is_a_computed_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    played = tuned([name])
    assert played[1].played > 0
    computed(monkeypatch)
    again = tuned([name])
    assert again[1].played == 0
    assert_same(played, again)


@pytest.mark.parametrize("names", [["hype_n"], ["mixout"], ["rdrop"], ["noisytune", "lnsr"]], ids="+".join)
def test_methods_that_act_in_passes_have_them_computed(names: list[str]) -> None:
    assert tuned(names)[1].played == 0


@pytest.mark.parametrize("head", [0, 1, 2], ids=["classification", "tagging", "answers"])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_every_model_and_head_can_be_played(
    architecture: str, head: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def once() -> tuple[PreTrainedModel, Outcome]:
        torch.manual_seed(0)
        model = HEADS[architecture][head](copy.deepcopy(CONFIGS[architecture]))
        return tuned(task=TASKS[head](), model=model)

    played = once()
    assert played[1].played > 0
    computed(monkeypatch)
    assert_same(played, once())


def words() -> Task:
    """Sentences with a class for some of their words."""
    task = small_task()
    targets = [torch.arange(len(ids)) % 3 - 1 for ids in task.training.ids]
    targets = [one.where(one >= 0, IGNORED) for one in targets]
    training = replace(task.training, targets=targets)
    return replace(task, kind=Tagging(["a", "b"]), training=training, evaluation={})


def questions() -> Task:
    """Texts in which the answer goes from the second token to the last."""
    task = small_task()
    ends = torch.tensor([[1, len(ids) - 1] for ids in task.training.ids])
    return replace(task, kind=Answers(), training=replace(task.training, targets=ends), evaluation={})


TASKS = (small_task, words, questions)


@pytest.mark.parametrize("make", TASKS)
def test_a_filled_batch_has_the_loss_of_the_batch(make: Callable[[], Task]) -> None:
    head = TASKS.index(make)
    losses = []
    for replay in (True, False):
        torch.manual_seed(0)
        config = BertConfig(**SHAPE, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        outcome = tuned(task=make(), model=HEADS["bert"][head](config), replay=replay)[1]
        assert (outcome.played > 0) == replay
        losses.append(outcome.losses)
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_what_is_not_a_whole_batch_is_computed() -> None:
    outcome = tuned(task=small_task(10))[1]
    assert len(outcome.losses) == 9  # three times two whole batches, in two sizes, and a smaller one
    assert outcome.played == 6 - 2
    assert tuned(micro_batch_size=2)[1].played == 0


def test_a_run_that_is_continued_is_the_run(tmp_path: Path) -> None:
    straight = tuned()
    store = Store(tmp_path)
    with pytest.raises(ProcessGoneError):
        tuned(snapshot=Interrupting(store, "small", 0, {}, 5))
    continued = tuned(snapshot=Snapshot(store, "small", None, {}))
    assert continued[1].resumed == 1
    assert 0 < continued[1].played < straight[1].played  # after a break a size is computed anew, once
    assert_same(straight, continued)


def test_updates_that_are_played_wait_for_nothing(device: Accelerator) -> None:
    waits: list[int] = []

    def tell(what: str, done: int, total: int) -> None:
        waits.append(len(device.waits))

    model = tiny_model().to(DEVICE)
    task = replace(small_task(), evaluation={})
    outcome = finetune(model, task, [], LONGER, 1, DEVICE, tell=tell, replay=True)
    assert outcome.played > 5
    assert waits[6] == waits[-1]  # once the sizes are known
