"""BitFit trains biases and head, at a rate of their own, and nothing else."""

from __future__ import annotations

import pytest

from benchmark.errors import BenchmarkError
from benchmark.methods import build
from benchmark.methods.bitfit import BitFit
from benchmark.testing.fixtures import tiny_model
from helpers.partial_tuning import HEAD, changed, check_drawn, check_rate
from helpers.refusals import check_refused


def test_bitfit_trains_biases_and_head() -> None:
    names = {name for name, _ in tiny_model().named_parameters() if name.endswith("bias")}
    # A key's bias adds the same to all scores of a query, which softmax takes off again.
    assert names - changed(BitFit()) <= {name for name in names if name.endswith("key.bias")}
    assert changed(BitFit()) <= names | HEAD
    assert changed(BitFit()) >= HEAD


def test_the_rate_is_a_factor_on_the_protocols() -> None:
    check_rate(BitFit(rate=7.0), 7.0)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ("layer_norm_tuning.LayerNormTuning", "each freezes what the other one trains"),
        ("mixout.Mixout", "frozen at their start"),
        ("reinit.ReInit", "would stay random"),
    ],
)
def test_what_cannot_be_trained_with_it_is_refused(other: str, says: str) -> None:
    chosen = {name: {"_target_": f"benchmark.methods.{name}"} for name in ("bitfit.BitFit", other)}
    with pytest.raises(BenchmarkError, match=says):
        build(chosen)


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("bitfit.BitFit", {"rate": 0.0}, "rate=0.0")


def test_a_pooler_that_the_checkpoint_lacks_is_trained_with_the_head() -> None:
    check_drawn(BitFit())
