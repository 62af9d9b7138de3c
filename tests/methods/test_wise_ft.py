"""WiSE-FT evaluates the encoder between the checkpoint and the fine-tuned weights, and trains as if it were not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from benchmark.errors import BenchmarkError
from benchmark.methods import build, prepare
from benchmark.methods.noisytune import NoisyTune
from benchmark.methods.wise_ft import WiSEFT
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from benchmark.training.evaluation import evaluate
from helpers.anchors import check_drawn
from helpers.refusals import check_refused
from helpers.small_models import check_neutral_training
from helpers.tuning import finetune

HEAD = {"classifier.weight", "classifier.bias"}


def tuned(methods: dict[str, Any]) -> tuple[Any, Any]:
    model = tiny_model()
    prepare(methods, model, 1)
    return model, finetune(model, small_task(), methods, PROTOCOL, 1, CPU)


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_the_encoder_is_interpolated_and_the_head_is_not(alpha: float) -> None:
    model, outcome = tuned({"it": WiSEFT(alpha=alpha)})
    plain, expected = tuned({})
    assert (outcome.losses == expected.losses).all()
    start, stock = dict(tiny_model().named_parameters()), tiny_model()
    with torch.no_grad():
        for name, weight in stock.named_parameters():
            end = plain.get_parameter(name)
            assert torch.equal(model.get_parameter(name), end)
            weight.copy_(end if name in HEAD else (1 - alpha) * start[name] + alpha * end)
    outputs = evaluate(stock, small_task(), "float32", CPU)[0]["validation"]
    np.testing.assert_allclose(outcome.outputs["validation"][-1], outputs, rtol=1e-4, atol=1e-6)
    assert abs(outputs - expected.outputs["validation"][-1]).max() > 1e-4


def test_the_start_is_the_clean_checkpoint_unless_told() -> None:
    for anchor, clean in (("clean", True), ("perturbed", False)):
        method = WiSEFT(anchor=anchor)
        prepare({"noisytune": NoisyTune(), "wise": method}, tiny_model(), 1)
        name = "bert.encoder.layer.0.output.dense.weight"
        assert torch.equal(method.anchors[name], tiny_model().get_parameter(name)) == clean


def test_what_the_checkpoint_lacks_is_not_interpolated() -> None:
    check_drawn(WiSEFT())


def test_alpha_one_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_training(WiSEFT(alpha=1.0))
    (_, ours), (_, plain) = tuned({"it": WiSEFT(alpha=1.0)}), tuned({})
    assert np.array_equal(ours.outputs["validation"], plain.outputs["validation"])


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ("reinit.ReInit", "no weights of the checkpoint"),
        ("lora.LoRA", "not in the checkpoint"),
        ("ema.EMA", "weights that are evaluated"),
    ],
)
def test_what_has_no_meaning_beside_it_is_refused(other: str, says: str) -> None:
    chosen = {name: {"_target_": f"benchmark.methods.{name}"} for name in (other, "wise_ft.WiSEFT")}
    with pytest.raises(BenchmarkError, match=says):
        build(chosen)


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("wise_ft.WiSEFT", {"alpha": 1.5}, "alpha=1.5")
    check_refused("wise_ft.WiSEFT", {"anchor": "start"}, "anchor")
