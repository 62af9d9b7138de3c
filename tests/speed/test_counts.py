"""How many operations an update dispatches: a GPU with a small encoder waits for little else."""

from __future__ import annotations

import copy

import pytest
from transformers import BertConfig

from benchmark.speed import counts, subjects
from benchmark.speed.conditions import Conditions
from benchmark.testing.fixtures import CPU
from helpers.accelerator import DEVICE, accelerator

ALLOWED = 500  # of a replayed update, for the batch that is copied and the streams that are seeded
PAPERS = ("hype_n", "lnsr", "noisytune", "pats")
MINILM = BertConfig(
    hidden_size=48, num_hidden_layers=6, intermediate_size=96
)  # as deep; width counts nothing
HERE, THERE = (Conditions(device, "float32", 1) for device in (CPU, DEVICE))


@pytest.mark.parametrize("name", ["", *PAPERS])
def test_an_update_of_minilm_dispatches_little(name: str) -> None:
    _, tokenizer, task = subjects.load("embedded", "opinion", 1, CPU)
    model = subjects.drawn(MINILM, task.units)
    eager = copy.deepcopy(model)
    with accelerator():
        method = subjects.method_of(name, HERE) if name else {}
        ours = counts.of_ours(model.to(DEVICE), task, THERE, method)
    assert ours["replayed"][0] <= ALLOWED
    if not name:
        padded, _ = counts.of_eager(eager, tokenizer, task, HERE)
        assert ours["computed"][0] < padded
