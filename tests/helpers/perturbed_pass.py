"""One pass with noise on hidden states beside its reference values (HyPe, FT+Noise)."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from benchmark.methods import prepare
from benchmark.models.architecture import encoder_of
from helpers.small_models import bert_of, inputs_of
from helpers.toys import compare_gradients
from helpers.vectors import Case

#: The code of a draw in ``noise_order``, by our name of the noise.
CODES = {"normal": 0, "uniform01": 1}


def position_of(case: Case) -> str:
    """Where the noise is, of the authors' two switches."""
    inside, alone = (case.hyper.get(key, False) for key in ("add_intermediate", "only_intermediate"))
    return "inside" if alone else "both" if inside else "between"


def layers_of(case: Case) -> list[int] | None:
    """The numbers of the layers from 1 on; None for all, as an empty range is to the authors' code."""
    numbers = case.hyper.get("layer_range")
    return [number + 1 for number in numbers] if numbers else None


def compare_perturbed_pass(case: Case, method: Any) -> None:
    """Compare the clean pass, the perturbed one, what every layer receives and returns, and the gradients."""
    model, inputs, labels = bert_of(case), inputs_of(case), case.tensor("labels")
    case.close(model(**inputs).logits, "logits_clean")
    prepare({"it": method}, model, 1)
    assert set(case["noise_order"].tolist()) <= {CODES[getattr(method, "noise", "normal")]}
    method.draws = [case.tensor(f"noise_raw_{i}") for i in range(case.count("noise_raw"))]
    received: list[torch.Tensor] = []
    outputs: list[Any] = []
    encoder = encoder_of(model)
    for layer in encoder.layers:
        layer.register_forward_pre_hook(lambda _, args: received.append(args[0]))
        layer.register_forward_hook(lambda _, args, output: outputs.append(output))
    logits = model(**inputs).logits
    loss = functional.cross_entropy(logits, labels)
    loss.backward()
    assert not method.draws
    case.close(logits, "logits")
    case.close(loss, "loss")
    for number, state in enumerate(received):
        case.close(state, f"layer_input_{number}")
    for number, output in enumerate(outputs, 1):
        # What a layer returns is what the authors report for it: the next one's noise is not in it.
        case.close(output[0] if isinstance(output, tuple) else output, f"hidden_reported_{number}")
    compare_gradients(case, model, atol=1e-12)
    model.eval()
    case.close(model(**inputs).logits, "logits_clean")
