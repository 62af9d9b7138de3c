"""An encoder that applies one layer several times, as ALBERT does: its states are all seen, and no method takes one layer for all."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from benchmark.errors import BenchmarkError
from benchmark.methods import build, prepare
from benchmark.models import masks
from benchmark.models.architecture import at_layers, captured_states, encoder_of, times_applied
from benchmark.step.passes import Step, total_loss
from benchmark.testing.fixtures import LAYERS, SPECIAL, small_task
from helpers.models import CONFIGS, HEADS, inputs


def small_model(kind: str = "albert", **values: Any) -> Any:
    torch.manual_seed(0)
    config = copy.deepcopy(CONFIGS[kind])
    for name, value in values.items():
        setattr(config, name, value)
    model = HEADS[kind][0](config)
    model.special_tokens = SPECIAL
    return model


def settings(target: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"mine": {"_target_": f"benchmark.methods.{target}", **values}}


@pytest.mark.parametrize(
    ("target", "values", "named"),
    [
        ("lnsr.LNSR", {}, "layer=1"),
        ("smart.SMART", {}, "strength=1"),
        ("ft_noise.FTNoise", {"layer": 2}, "layer=2"),
        ("hype.HyPe", {"layers": [2]}, r"layers=\[2\]"),
        ("reinit.ReInit", {"layers": 1}, "layers=1"),
        ("top_k.TopK", {"k": 1}, "k=1"),
        ("layer_decay.LayerDecay", {}, r"factor=0\.95"),
    ],
)
def test_a_method_that_needs_a_layer_of_its_own_is_refused(
    target: str, values: dict[str, Any], named: str
) -> None:
    methods = build(settings(target, values))
    with pytest.raises(BenchmarkError, match=rf"method\.mine\.{named}: .* one set of weights {LAYERS} times"):
        prepare(methods, small_model(), 1)
    prepare(methods, small_model(num_hidden_groups=LAYERS), 1)  # its layers share nothing


@pytest.mark.parametrize(
    ("target", "values"),
    [
        ("hype.HyPe", {}),
        ("lnsr.LNSR", {"scale": 0.0}),
        ("smart.SMART", {"strength": 0.0}),
        ("ft_noise.FTNoise", {"sigma": 0.0}),
        ("reinit.ReInit", {"layers": 0}),
        ("top_k.TopK", {"k": 0}),
        ("layer_decay.LayerDecay", {"factor": 1.0}),
        ("noisytune.NoisyTune", {}),
        ("sage.SAGE", {}),
        ("pats.PATS", {}),
        ("r3f.R3F", {}),
    ],
)
def test_a_method_that_names_no_layer_is_not(target: str, values: dict[str, Any]) -> None:
    model = small_model()
    prepare(methods := build(settings(target, values)), model, 1)
    masks.install(model)
    targets = torch.tensor([0, 1, 1, 0, 1, 0, 0])
    step = Step(model, encoder_of(model), small_task(), inputs(), targets, 0, 10, seed=1)
    assert total_loss(step, list(methods.values())).isfinite()


@pytest.mark.parametrize(("groups", "times"), [(1, LAYERS), (2, LAYERS // 2), (LAYERS, 1)])
def test_the_states_of_a_shared_layer_are_those_of_all_its_places(groups: int, times: int) -> None:
    model = small_model(num_hidden_groups=groups).eval()
    encoder = encoder_of(model)
    assert times_applied(encoder) == times
    chosen: dict[int, torch.Tensor] = {}
    with captured_states(encoder) as states, torch.no_grad():
        expected = model(**inputs(), output_hidden_states=True).hidden_states
    with at_layers(encoder, [0, 3], lambda number, state: chosen.setdefault(number, state)), torch.no_grad():
        model(**inputs())
    assert len(states) == len(expected) == LAYERS + 1
    assert all(torch.equal(one, other) for one, other in zip(states, expected, strict=True))
    assert list(chosen) == [0, 3]
    assert all(torch.equal(state, expected[number]) for number, state in chosen.items())


@pytest.mark.parametrize("kind", CONFIGS)
def test_layers_with_weights_of_their_own_are_applied_once(kind: str) -> None:
    assert times_applied(encoder_of(small_model(kind))) == (LAYERS if kind == "albert" else 1)
