"""On a GPU: an update that is replayed is the one that is computed, with the method of every file of conf/method."""

from __future__ import annotations

import pytest
import torch

from benchmark.config.compose import ROOT
from benchmark.runs.device import make_reproducible
from helpers.learning import assert_same, of, tuned

CUDA = torch.device("cuda")
METHODS = sorted(path.stem for path in (ROOT / "conf" / "method").glob("*.yaml"))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_replayed_as_it_is_computed(name: str) -> None:
    make_reproducible(1, "float32")
    replayed = tuned([name], on=CUDA)
    assert replayed[1].diverged is None
    captured = not of(name)[name].not_captured
    assert (replayed[1].replayed > 0) == captured
    if captured:
        computed = tuned([name], on=CUDA, replay=False)
        assert computed[1].replayed == 0
        assert_same(replayed, computed)
