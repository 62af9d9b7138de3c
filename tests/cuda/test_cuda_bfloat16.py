"""On a GPU in bfloat16, and with every kind of task and model: what is replayed is what is computed."""

from __future__ import annotations

import copy

import pytest
import torch
from helpers.learning import TASKS, assert_same, tuned
from helpers.models import CONFIGS, HEADS
from transformers import PreTrainedModel

from benchmark.runs.run import make_reproducible
from benchmark.training.journal import Outcome

CUDA = torch.device("cuda")
PAPERS = ("hype_n", "hype_u", "lnsr", "noisytune", "pats")


@pytest.mark.parametrize("name", PAPERS)
def test_the_papers_methods_are_replayed_in_bfloat16(name: str) -> None:
    make_reproducible(1, "bfloat16")
    replayed, computed = (tuned([name], on=CUDA, replay=how, precision="bfloat16") for how in (None, False))
    assert replayed[1].replayed > 0
    assert_same(replayed, computed)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("head", range(len(TASKS)), ids=["classification", "tagging", "answers"])
def test_every_kind_of_task_is_replayed(head: int, precision: str) -> None:
    make_reproducible(1, precision)
    replayed, computed = (once("bert", head, how, precision) for how in (None, False))
    assert replayed[1].replayed > 0
    assert_same(replayed, computed)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_every_kind_of_model_is_replayed(architecture: str) -> None:
    make_reproducible(1, "bfloat16")
    replayed, computed = (once(architecture, 0, how, "bfloat16") for how in (None, False))
    assert replayed[1].replayed > 0
    assert_same(replayed, computed)


def once(
    architecture: str, head: int, replay: bool | None, precision: str
) -> tuple[PreTrainedModel, Outcome]:
    """A fine-tuning of a small model with one of its heads."""
    torch.manual_seed(0)
    model = HEADS[architecture][head](copy.deepcopy(CONFIGS[architecture]))
    return tuned(task=TASKS[head](), model=model, on=CUDA, replay=replay, precision=precision)
