"""Updates that are replayed from a graph are, to the bit, those that are computed; on a stand-in for a GPU."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerator import DEVICE, HOST, Accelerator, accelerator
from test_packing import CONFIGS, HEADS
from transformers import BertConfig, PreTrainedModel
from tuning import finetune

from benchmark.config.compose import ROOT
from benchmark.methods import Method, build, prepare
from benchmark.records.store import Store
from benchmark.step.adam import FLAVOURS
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
from benchmark.training.journal import Outcome
from benchmark.training.snapshot import NEVER, Keeping, Snapshot

LONGER = replace(PROTOCOL, epochs=3, evaluations_per_epoch=1 / 3)


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
REPLAYED = sorted(name for method, name in FILES.items() if not method.not_captured)


def tuned(
    names: Sequence[str] = (),
    *,
    task: Task | None = None,
    model: PreTrainedModel | None = None,
    snapshot: Keeping = NEVER,
    replay: bool | None = None,
    on: torch.device = DEVICE,
    **protocol: Any,
) -> tuple[PreTrainedModel, Outcome]:
    """A small model after a fine-tuning with methods of conf/method, and its outcome."""
    model, task, settings = (model or tiny_model()).to(on), task or small_task(), LONGER | protocol
    methods = {name: method for one in names for name, method in of(one).items()}
    prepare(methods, model, 1)
    return model, finetune(model, task, methods, settings, 1, on, snapshot, replay=replay)


def assert_same(one: tuple[Any, Outcome], other: tuple[Any, Outcome]) -> None:
    assert np.array_equal(one[1].losses, other[1].losses)
    for name, value in one[0].state_dict().items():
        assert torch.equal(value, other[0].state_dict()[name]), name


@pytest.mark.parametrize("name", REPLAYED)
def test_a_replayed_update_is_a_computed_one(name: str) -> None:
    replayed, computed = tuned([name]), tuned([name], replay=False)
    assert replayed[1].replayed > 0
    assert computed[1].replayed == 0
    assert_same(replayed, computed)


@pytest.mark.parametrize(
    "names",
    [["hype_n", "noisytune"], ["lnsr", "pats"], ["mixout", "rdrop"], ["recadam", "sage"]],
    ids="+".join,
)
def test_methods_together_are_replayed_as_they_are_computed(names: list[str]) -> None:
    replayed, computed = tuned(names), tuned(names, replay=False)
    assert replayed[1].replayed > 0
    assert_same(replayed, computed)


def test_the_papers_methods_can_all_be_captured() -> None:
    left_out = {method.__name__ for method in FILES if method.not_captured}
    assert left_out == {"SMART"}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("names", [[], ["pats"], ["layer_decay"]], ids=["plain", "pats", "layer_decay"])
def test_every_optimiser_is_replayed_as_it_is_computed_and_takes_a_cpus_steps(
    flavour: str, names: list[str]
) -> None:
    recipe = {"optimizer": flavour, "weight_decay": 0.1, "warmup": 2}
    replayed, computed = tuned(names, **recipe), tuned(names, **recipe, replay=False)
    assert replayed[1].replayed > 0
    assert_same(replayed, computed)
    if names != ["pats"]:
        config = BertConfig(**SHAPE, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        there, here = (tuned(names, model=fresh(config), on=device, **recipe) for device in (DEVICE, HOST))
        np.testing.assert_allclose(there[1].losses, here[1].losses, rtol=1e-5)


def fresh(config: BertConfig) -> PreTrainedModel:
    """A model of ``config``, the same every time."""
    torch.manual_seed(0)
    return HEADS["bert"][0](config)


@pytest.mark.parametrize("head", [0, 1, 2], ids=["classification", "tagging", "answers"])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_every_model_and_head_can_be_replayed(architecture: str, head: int) -> None:
    def once(replay: bool | None) -> tuple[PreTrainedModel, Outcome]:
        torch.manual_seed(0)
        model = HEADS[architecture][head](copy.deepcopy(CONFIGS[architecture]))
        return tuned(task=TASKS[head](), model=model, replay=replay)

    replayed = once(None)
    assert replayed[1].replayed > 0
    assert_same(replayed, once(False))


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
    for device in (DEVICE, HOST):
        torch.manual_seed(0)
        config = BertConfig(**SHAPE, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        outcome = tuned(task=make(), model=HEADS["bert"][head](config), on=device)[1]
        assert (outcome.replayed > 0) == (device == DEVICE)
        losses.append(outcome.losses)
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_smaller_batches_have_sizes_of_their_own_and_parts_of_batches_are_computed() -> None:
    outcome = tuned(task=small_task(10))[1]
    assert len(outcome.losses) == 9  # three times two whole batches, in two sizes, and a smaller one
    assert outcome.replayed == 9 - 4
    assert tuned(micro_batch_size=2)[1].replayed == 0


def test_a_run_that_is_continued_is_the_run(tmp_path: Path) -> None:
    straight = tuned()
    store = Store(tmp_path)
    with pytest.raises(ProcessGoneError):
        tuned(snapshot=Interrupting(store, "small", 0, {}, 5))
    continued = tuned(snapshot=Snapshot(store, "small", None, {}))
    assert continued[1].resumed == 1
    assert 0 < continued[1].replayed < straight[1].replayed  # after a break a size is computed anew, once
    assert_same(straight, continued)


def test_updates_that_are_played_wait_for_nothing(device: Accelerator) -> None:
    waits: list[int] = []

    def tell(what: str, done: int, total: int) -> None:
        waits.append(len(device.waits))

    model = tiny_model().to(DEVICE)
    task = replace(small_task(), evaluation={})
    outcome = finetune(model, task, [], LONGER, 1, DEVICE, tell=tell, replay=True)
    assert outcome.replayed > 5
    assert waits[6] == waits[-1]  # once the sizes are known
