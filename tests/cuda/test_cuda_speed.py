"""On a GPU: the sides of a comparison make the same updates there, and replayed ones are timed."""

from __future__ import annotations

import copy

import pytest
import torch
from helpers.models import CONFIGS, HEADS

from benchmark.speed.conditions import Conditions
from benchmark.speed.sides import ours
from benchmark.speed.timing import Amount
from benchmark.testing.fixtures import small_task

CUDA = torch.device("cuda")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_replayed_updates_are_timed_apart_from_the_first_ones(precision: str) -> None:
    here = Conditions(CUDA, precision, 1)
    here.take_effect()
    model = HEADS["bert"][0](copy.deepcopy(CONFIGS["bert"])).to(CUDA)
    took = ours(model, small_task(), Amount(4, 3, 5), here)
    assert len(took.stamps) == 4
    assert 0 < took.update < took.before
    assert took.once["replayed"] > 10
    assert took.once["captures"] >= 1
