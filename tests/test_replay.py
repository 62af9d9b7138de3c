"""Passes that are played from a recording are, to the bit, those that are computed.

A stand-in records a CUDA graph's way on the CPU: the operations, with the very tensors they read and write.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from test_packing import CONFIGS, HEADS
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import BertConfig, PreTrainedModel

from benchmark import attention, chance
from benchmark.checkpoint import Snapshot
from benchmark.config import ROOT
from benchmark.finetune import Outcome, finetune
from benchmark.layout import Layout, gap, layout_of
from benchmark.methods import build, prepare
from benchmark.replay import Replay
from benchmark.store import Store
from benchmark.tags import IGNORED
from benchmark.tasks import Task
from benchmark.tasks.answers import Answers
from benchmark.tasks.tagging import Tagging
from benchmark.testing import (
    CPU,
    PROTOCOL,
    SHAPE,
    Interrupting,
    ProcessGoneError,
    settings_of,
    small_task,
    tiny_model,
)

METHODS = sorted(path.stem for path in (ROOT / "conf" / "method").glob("*.yaml"))
LONGER = PROTOCOL | {"epochs": 5}


LOOKS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}


class Graph(TorchDispatchMode):
    """In the place of a CUDA graph: what was done while it lasted is done again, in the same memory.

    As on a GPU, nothing may be looked at and no generator seeded meanwhile.
    """

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func not in LOOKS, f"{func} would wait for the device"
        found = func(*args, **(kwargs or {}))
        self.done.append((func, args, kwargs or {}, found))
        return found

    def replay(self) -> None:
        with torch.no_grad():
            for func, args, kwargs, found in self.done:
                again = func(*args, **kwargs)
                for before, now in zip(tree_leaves(found), tree_leaves(again), strict=True):
                    if isinstance(before, torch.Tensor) and before.data_ptr() != now.data_ptr():
                        before.copy_(now)


@contextmanager
def recording(graph: Graph, pool: object) -> Iterator[None]:
    with graph, mock.patch.object(torch, "manual_seed", side_effect=RuntimeError("seeded while recording")):
        yield


def in_one(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, rate: float, scale: float
) -> Any:
    """`benchmark.attention.by_kernel` in operations that a CPU has, of one shape for all batches of a size."""
    lined = layout.lined_up
    q, k, v = (state.index_select(0, lined.order).transpose(0, 1) for state in (q, k, v))
    owner = torch.searchsorted(lined.offsets, torch.arange(q.shape[1]), right=True)
    apart = owner[:, None] != owner
    weights = (scale * q @ k.transpose(1, 2)).masked_fill(apart, -torch.inf).softmax(-1)
    return (functional.dropout(weights, rate) @ v).transpose(0, 1).index_select(0, lined.back)


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU as a device that has graphs: every draw in a pass is from its own generator."""
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", object)
    monkeypatch.setattr(attention, "by_kernel", in_one)
    monkeypatch.setattr(
        chance.Dropout, "forward", lambda self, x: functional.dropout(x, self.p, self.training)
    )


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
    model, task, settings = model or tiny_model(), task or small_task(), LONGER | protocol
    methods = build({name: settings_of(ROOT / "conf" / "method" / f"{name}.yaml") for name in names})
    prepare(methods, model, 1)
    return model, finetune(model, task, list(methods.values()), settings, 1, CPU, snapshot, replay=replay)


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


@pytest.mark.parametrize("name", METHODS)
def test_a_played_pass_is_a_computed_one(name: str, graphs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    played = tuned([name])
    alike = build({name: settings_of(ROOT / "conf" / "method" / f"{name}.yaml")})[name].passes_alike
    assert (played[1].played > 0) == alike
    computed(monkeypatch)
    again = tuned([name])
    assert again[1].played == 0
    assert_same(played, again)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("head", [0, 1, 2], ids=["classification", "tagging", "answers"])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_every_model_and_head_can_be_played(
    architecture: str, head: int, precision: str, graphs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def once() -> tuple[PreTrainedModel, Outcome]:
        torch.manual_seed(0)
        model = HEADS[architecture][head](copy.deepcopy(CONFIGS[architecture]))
        return tuned(task=TASKS[head](), model=model, precision=precision)

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
def test_a_filled_batch_has_the_loss_of_the_batch(make: Callable[[], Task], graphs: None) -> None:
    head = TASKS.index(make)
    losses = []
    for replay in (True, False):
        torch.manual_seed(0)
        config = BertConfig(**SHAPE, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        outcome = tuned(task=make(), model=HEADS["bert"][head](config), replay=replay)[1]
        assert (outcome.played > 0) == replay
        losses.append(outcome.losses)
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_what_is_not_a_whole_batch_is_computed(graphs: None) -> None:
    updates = len(tuned(task=small_task(10))[1].losses)
    assert updates == 15  # five times two whole batches, in two sizes, and a smaller one
    assert tuned(task=small_task(10))[1].played == 10 - 2
    assert tuned(micro_batch_size=2)[1].played == 0


def test_a_run_that_is_continued_is_the_run(graphs: None, tmp_path: Path) -> None:
    straight = tuned(["pats"])
    store = Store(tmp_path)
    with pytest.raises(ProcessGoneError):
        tuned(["pats"], snapshot=Interrupting(store, "small", 0, {}, 7))
    continued = tuned(["pats"], snapshot=Snapshot(store, "small", None, {}))
    assert continued[1].resumed == 1
    assert 0 < continued[1].played < straight[1].played
    assert_same(straight, continued)


def test_a_batch_is_filled_with_padding_up_to_a_few_sizes() -> None:
    mask = torch.tensor([[1] * 9 + [0] * 3, [1] * 5 + [0] * 7])
    filled = layout_of(mask).filled_up()
    assert filled is not None
    assert len(filled.tokens) == 16
    assert filled.tokens[14:].tolist() == [9, 10]
    assert filled.lined_up.offsets.tolist() == [0, 9, 14, 16]
    assert layout_of(torch.ones(2, 8)).filled_up() is None  # no room
    assert len(layout_of(torch.tensor([[1] * 8, [1] * 5 + [0] * 3])).filled_up().tokens) == 16
    sizes = {-(-tokens // gap(tokens)) * gap(tokens) for tokens in range(1024, 2049)}
    assert sorted(sizes) == list(range(1024, 2049, 128))


@pytest.mark.cuda
def test_a_gpu_plays_what_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    device = torch.device("cuda")

    def once() -> tuple[PreTrainedModel, Outcome]:
        model = tiny_model().to(device)
        return model, finetune(model, small_task(), [], LONGER, 1, device, replay=True)

    played = once()
    assert played[1].played > 0
    computed(monkeypatch)
    assert_same(played, once())
