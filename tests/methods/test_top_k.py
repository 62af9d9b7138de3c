"""Top-K trains the layers that its reference trains, and all of them with k of them."""

from __future__ import annotations

import pytest

from benchmark.errors import BenchmarkError
from benchmark.methods import prepare
from benchmark.methods.top_k import TopK
from helpers.refusals import check_refused
from helpers.selections import Selection, selects
from helpers.small_models import bert, check_neutral_pass, of_kind


@selects("top_k_tuned_k1")
def test_top_k_trains_what_the_reference_trains(case: Selection) -> None:
    prepare({"top_k": TopK(k=1)}, model := of_kind(case), 1)
    case.equal(name for name, parameter in model.named_parameters() if parameter.requires_grad)


def test_all_layers_are_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_pass(TopK(k=3))


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("top_k.TopK", {"k": -1}, "k=-1")


def test_layers_that_the_encoder_does_not_have_are_refused() -> None:
    with pytest.raises(BenchmarkError, match="k=4: the encoder has 3 layers"):
        prepare({"it": TopK(k=4)}, bert(), 1)
