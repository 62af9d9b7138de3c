"""What only a real GPU shows; `pytest -m cuda` runs these and no others."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_packing import CONFIGS, HEADS, inputs
from test_replay import LONGER, TASKS, assert_same, computed
from test_run import elsewhere, evidence, same
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from benchmark.config.compose import ROOT
from benchmark.methods import build, prepare
from benchmark.models import packing
from benchmark.models.architecture import encoder_of
from benchmark.models.packed_layout import layout_of
from benchmark.runs.memory import PeakMemory
from benchmark.runs.run import make_reproducible
from benchmark.testing.fixtures import SHAPE, settings_of, small_task, tiny_model
from benchmark.training.loop import Outcome, finetune

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

CUDA = torch.device("cuda")
MEBIBYTES = 64
METHODS = sorted(path.stem for path in (ROOT / "conf" / "method").glob("*.yaml"))


def test_a_gpu_computes_what_a_cpu_computes_without_waiting_for_it() -> None:
    model = BertForSequenceClassification(BertConfig(**SHAPE)).eval()
    hooks = packing.install(encoder_of(model))
    assert hooks is not None
    expected = model(**inputs()).logits
    there = model.to(CUDA)
    batch = {name: value.to(CUDA) for name, value in inputs().items()}
    hooks.expect(batch["attention_mask"], layout_of(inputs()["attention_mask"], CUDA))
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = there(**batch).logits
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("replay", [False, True], ids=["computed", "played"])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_on_a_gpu(name: str, replay: bool) -> None:
    make_reproducible(1, "float32")
    methods = build({name: settings_of(ROOT / "conf" / "method" / f"{name}.yaml")})
    model = tiny_model().to(CUDA)
    prepare(methods, model, 1)
    outcome = finetune(model, small_task(), list(methods.values()), LONGER, 1, CUDA, replay=replay)
    assert outcome.diverged is None
    assert (outcome.played > 0) == (replay and methods[name].passes_alike)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("make", TASKS)
def test_a_gpu_plays_what_it_computes(
    make: Callable[[], Any], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_reproducible(1, precision)

    def once() -> tuple[PreTrainedModel, Outcome]:
        torch.manual_seed(0)
        model = HEADS["bert"][TASKS.index(make)](copy.deepcopy(CONFIGS["bert"])).to(CUDA)
        return model, finetune(model, make(), [], replace(LONGER, precision=precision), 1, CUDA, replay=True)

    played = once()
    assert played[1].played > 0
    computed(monkeypatch)
    assert_same(played, once())


@pytest.mark.parametrize("replay", ["true", "false"])
def test_a_gpu_gives_the_same_record_twice(
    replay: str, tiny: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    config = tiny("method=[noisytune]", "device=cuda", f"replay={replay}")
    assert same(evidence(elsewhere(config, tmp_path / "a")), evidence(elsewhere(config, tmp_path / "b")))


def test_a_gpu_counts_tensors() -> None:
    watch = PeakMemory(CUDA)
    torch.ones(1, device=CUDA)  # where a model would be loaded
    watch.forget()
    torch.ones(MEBIBYTES << 18, device=CUDA)
    assert MEBIBYTES << 20 <= (watch.peak() or 0) < MEBIBYTES << 21
