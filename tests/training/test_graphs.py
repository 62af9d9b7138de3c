"""Updates that are replayed from a graph are, to the bit, those that are computed; on a stand-in for a GPU."""

from __future__ import annotations

import copy
import gc
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from transformers import BertConfig, PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods import prepare
from benchmark.models import packing
from benchmark.records.store import Store
from benchmark.runs.failures import GPU_FAULT, OUT_OF_MEMORY, REFUSED, cause_of
from benchmark.step.adam import VARIANTS
from benchmark.tasks import Task
from benchmark.testing.fixtures import (
    SHAPE,
    Interrupting,
    ProcessGoneError,
    small_task,
    tiny_model,
)
from benchmark.training import captures
from benchmark.training.journal import Outcome
from benchmark.training.snapshot import Snapshot
from helpers.accelerator import DEVICE, HOST, Accelerator, accelerator
from helpers.learning import FILES, LONGER, REPLAYED, TASKS, assert_same, of
from helpers.learning import tuned as learnt
from helpers.models import CONFIGS, HEADS
from helpers.tuning import finetune

SHALLOW = SHAPE | {"num_hidden_layers": 2}


@pytest.fixture(autouse=True)
def device() -> Iterator[Accelerator]:
    """A device that has graphs."""
    with accelerator() as found:
        yield found


def tuned(
    names: Sequence[str] = (), *, model: PreTrainedModel | None = None, on: torch.device = DEVICE, **more: Any
) -> tuple[PreTrainedModel, Outcome]:
    """`learnt` on the device, of two layers: the stand-in takes its time for every operation."""
    shape = SHAPE if {"reinit", "top_k"} & set(names) else SHALLOW  # their files name layers
    return learnt(names, model=model or fresh(BertConfig(**shape)), on=on, **more)


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


def test_all_methods_but_these_can_be_captured() -> None:
    left_out = {method.__name__ for method in FILES if method.not_captured}
    assert left_out == {"SMART", "DPS", "DPSMix", "Mixup", "RIFLE"}


@pytest.mark.parametrize(
    ("names", "variant"),
    [([], variant) for variant in VARIANTS]
    + [([name], variant) for name in ("pats", "layer_decay") for variant in ("adamw", "adamax_mtdnn")],
    ids=str,
)
def test_every_optimiser_is_replayed_as_it_is_computed_and_takes_a_cpus_steps(
    names: list[str], variant: str
) -> None:
    recipe = {"optimizer": variant, "weight_decay": 0.1, "warmup": 2}
    replayed, computed = tuned(names, **recipe), tuned(names, **recipe, replay=False)
    assert replayed[1].replayed > 0
    assert_same(replayed, computed)
    if names != ["pats"]:
        config = BertConfig(**SHALLOW, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        there, here = (tuned(names, model=fresh(config), on=device, **recipe) for device in (DEVICE, HOST))
        np.testing.assert_allclose(there[1].losses, here[1].losses, rtol=1e-5)


def fresh(config: BertConfig) -> PreTrainedModel:
    """A model of ``config``, the same every time."""
    torch.manual_seed(0)
    return HEADS["bert"][0](copy.deepcopy(config))  # training sets the attention of its own


# The heads of classification differ between architectures. Those of tagging and of answers are one linear layer in
# all of them, so that every other architecture is enough for each.
REPLAYABLE = [(architecture, 0) for architecture in CONFIGS]
REPLAYABLE += [(architecture, 1 + number % 2) for number, architecture in enumerate(CONFIGS)]


@pytest.mark.parametrize(("architecture", "head"), REPLAYABLE)
def test_every_model_and_head_can_be_replayed(architecture: str, head: int) -> None:
    def once(replay: bool | None) -> tuple[PreTrainedModel, Outcome]:
        torch.manual_seed(0)
        config = copy.deepcopy(CONFIGS[architecture])
        config.num_hidden_layers = SHALLOW["num_hidden_layers"]
        model = HEADS[architecture][head](config)
        return tuned(task=TASKS[head](), model=model, replay=replay)

    replayed = once(None)
    assert replayed[1].replayed > 0
    assert_same(replayed, once(False))


@pytest.mark.parametrize("make", TASKS)
def test_a_filled_batch_has_the_loss_of_the_batch(make: Callable[[], Task]) -> None:
    head = TASKS.index(make)
    losses = []
    for device in (DEVICE, HOST):
        torch.manual_seed(0)
        config = BertConfig(**SHALLOW, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        outcome = tuned(task=make(), model=HEADS["bert"][head](config), on=device)[1]
        assert (outcome.replayed > 0) == (device == DEVICE)
        losses.append(outcome.losses)
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_smaller_batches_have_sizes_of_their_own_and_parts_of_batches_are_computed() -> None:
    outcome = tuned(task=small_task(10), epochs=3)[1]
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
    outcome = finetune(model, task, [], replace(LONGER, epochs=3), 1, DEVICE, tell=tell, replay=True)
    assert outcome.replayed > 5
    assert waits[6] == waits[-1]  # once the sizes are known


CAUGHT = "operation not permitted when stream is capturing"
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.\nand more")


@pytest.mark.parametrize("name", ["", "hype_n", "freelb", "mixout"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError(f"{CAUGHT}\nand more"), f"({CAUGHT}); updates are computed"),
        (
            FULL,
            "(CUDA out of memory: graphs take memory of their own); updates are computed, as with replay=false",
        ),
    ],
    ids=["refused", "full"],
)
def test_an_update_that_cannot_be_captured_is_computed(
    name: str, error: Exception, said: str, device: Accelerator, caplog: pytest.LogCaptureFixture
) -> None:
    names = [name] if name else []
    expected = tuned(names, replay=False)
    device.errors = [error]
    computed = tuned(names)
    assert computed[1].replayed == 0
    assert caplog.messages == [f"an update could not be captured {said}"]
    assert_same(computed, expected)
    assert device.pools == []  # the allocator keeps nothing of the capture


def test_a_capture_that_fails_gives_back_the_memory_of_earlier_graphs(device: Accelerator) -> None:
    device.errors = [None, FULL]
    gc.collect()  # graphs of other tests
    held: list[bool] = []
    task = replace(small_task(10), evaluation={})
    outcome = finetune(
        tiny_model().to(DEVICE),
        task,
        [],
        replace(LONGER, epochs=3),
        1,
        DEVICE,
        tell=lambda *_: held.append(captures.held()),
    )
    assert 0 < outcome.replayed < 5
    assert (any(held), held[-1]) == (True, False)


@pytest.mark.parametrize(
    ("error", "said", "cause"),
    [
        (torch.AcceleratorError(f"{CAUGHT}\nand more"), CAUGHT, REFUSED),
        (FULL, "CUDA out of memory: graphs take memory of their own", OUT_OF_MEMORY),
    ],
    ids=["refused", "full"],
)
def test_a_replay_that_was_asked_for_and_fails_is_no_fault_of_the_gpu(
    error: Exception, said: str, cause: str, device: Accelerator
) -> None:
    device.errors = [error]
    line = (
        f"replay=true: an update could not be captured ({said}); use replay=null, which computes updates then"
    )
    with pytest.raises(BenchmarkError, match=f"^{re.escape(line)}$") as raised:
        tuned(replay=True)
    assert cause_of(raised.value) == cause


def test_a_gpu_that_is_lost_during_a_capture_is_a_fault_of_the_gpu(
    device: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    device.errors = [lost]
    monkeypatch.setattr(torch.cuda, "synchronize", Mock(side_effect=lost))
    with pytest.raises(torch.AcceleratorError) as raised:
        tuned(replay=True)
    assert cause_of(raised.value) == GPU_FAULT


@pytest.mark.parametrize(
    ("tokens", "packed", "why"),
    [
        ("all", True, "method.lnsr: it reads padded positions, which are therefore computed"),
        ("real", False, "packed=false: padding is computed"),
        ("real", True, "BertForSequenceClassification is computed with its padding"),
    ],
    ids=["method", "packed", "architecture"],
)
def test_a_run_whose_padding_is_computed_says_why_it_cannot_be_replayed(
    tokens: str, packed: bool, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "install", lambda *_: None)  # as for an architecture that needs padding
    model, methods = tiny_model().to(DEVICE), of("rdrop") | of("lnsr")
    methods["lnsr"].tokens = tokens  # type: ignore[attr-defined]
    prepare(methods, model, 1)
    line = f"replay=true: updates cannot be captured ({why}); leave it null"
    with pytest.raises(BenchmarkError, match=f"^{re.escape(line)}$"):
        finetune(model, small_task(), methods, LONGER, 1, DEVICE, packed=packed, replay=True)
