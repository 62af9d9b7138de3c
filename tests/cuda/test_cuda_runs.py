"""On a GPU: runs have the same bits twice and after a break, and λ = 0 is plain fine-tuning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.config.compose import ROOT
from benchmark.methods import build, prepare
from benchmark.records.store import Store
from benchmark.runs.device import make_reproducible
from benchmark.testing.fixtures import (
    Interrupting,
    ProcessGoneError,
    settings_of,
    small_task,
    tiny_model,
)
from benchmark.training.snapshot import Snapshot
from helpers.learning import LONGER, assert_same, of, tuned
from helpers.tuning import finetune

CUDA = torch.device("cuda")
PAPERS = ("hype_n", "lnsr", "noisytune", "pats")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["", *PAPERS])
def test_a_run_has_the_same_bits_twice(name: str, precision: str) -> None:
    make_reproducible(1, precision)
    names = [name] if name else []
    assert_same(*(tuned(names, on=CUDA, precision=precision) for _ in range(2)))


@pytest.mark.parametrize("name", ["", "hype_n", "lnsr", "pats", "recadam"])
def test_a_run_that_is_continued_is_the_run(name: str, tmp_path: Path) -> None:
    make_reproducible(1, "float32")
    names = [name] if name else []
    straight, store = tuned(names, on=CUDA), Store(tmp_path)
    with pytest.raises(ProcessGoneError):
        tuned(names, on=CUDA, snapshot=Interrupting(store, "small", 0, {}, 5))
    continued = tuned(names, on=CUDA, snapshot=Snapshot(store, "small", None, {}))
    assert continued[1].resumed == 1
    assert continued[1].replayed > 0
    assert_same(straight, continued)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", PAPERS)
def test_a_method_that_does_nothing_is_plain_fine_tuning(name: str, precision: str) -> None:
    make_reproducible(1, precision)
    neutral = of(name)[name].neutral
    assert neutral is not None
    settings = settings_of(ROOT / "conf" / "method" / f"{name}.yaml") | neutral
    methods, model = build({name: settings}), tiny_model().to(CUDA)
    prepare(methods, model, 1)
    idle = model, finetune(model, small_task(), methods, replace(LONGER, precision=precision), 1, CUDA)
    assert_same(tuned(on=CUDA, precision=precision), idle)


@pytest.mark.parametrize("name", ["", "hype_n", "freelb", "mixout"])
def test_a_run_goes_on_with_the_same_bits_after_a_capture_that_fails(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_reproducible(1, "float32")
    names = [name] if name else []
    computed, clip = tuned(names, on=CUDA, replay=False), torch.nn.utils.clip_grad_norm_

    def waiting(*given: Any, **named: Any) -> torch.Tensor:
        norm = clip(*given, **named)
        norm.item()  # no capture can hold this
        return norm

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", waiting)
    failed = tuned(names, on=CUDA)
    assert failed[1].replayed == 0
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    assert_same(failed, computed)
