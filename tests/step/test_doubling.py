"""A further pass that shares a forward with the clean one is the pass that it would be alone, as is the clean one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.config.compose import ROOT
from benchmark.methods import Method, prepare
from benchmark.methods.child_tuning import ChildTuningD
from benchmark.methods.hype import HyPe
from benchmark.methods.lnsr import LNSR
from benchmark.methods.mixout import Mixout
from benchmark.methods.neftune import NEFTune
from benchmark.methods.r3f import R3F
from benchmark.methods.rdrop import RDrop
from benchmark.methods.smart import SMART
from benchmark.methods.word_dropout import WordDropout
from benchmark.models import masks, packing
from benchmark.models.architecture import encoder_of
from benchmark.models.packing import layout_of
from benchmark.step.passes import Step, total_loss
from benchmark.tasks.answers import Answers
from benchmark.tasks.tagging import Tagging
from benchmark.testing.fixtures import PROTOCOL, SPECIAL, settings_of, small_task, tiny_model, tuned_with
from helpers.models import CONFIGS, HEADS, inputs

METHODS: dict[str, Callable[[], Method]] = {
    "rdrop": RDrop,
    "r3f": lambda: R3F(sigma=0.1),
    "r3f_shared": lambda: R3F(sigma=0.1, dropout="shared"),
    "r3f_released": lambda: R3F(fidelity="released"),
    "lnsr": lambda: LNSR(sigma=0.1),
    "lnsr_independent": lambda: LNSR(sigma=0.1, dropout="independent"),
}


@dataclass
class Apart(Method):
    """Nothing but that passes are computed one by one."""

    @property
    def needs_separate_passes(self) -> bool:
        return True

    def attach(self, model: Any, context: Any) -> None:
        """A method acts somewhere."""


class ConstantHyPe(HyPe):
    def draw(self, state: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return torch.ones_like(state)


class Listed(Method):
    """Noise on words that is drawn from one list, example after example: the second pass's after the clean pass's."""

    drawn = 0

    def draw(self, state: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        rows = torch.rand(14, *state.shape[1:], generator=torch.Generator().manual_seed(5))
        self.drawn += len(state)
        return rows[self.drawn - len(state) : self.drawn]


class ListedZeros(Listed, WordDropout):
    def __init__(self) -> None:
        super().__init__(rate=0.4)


class ListedMasks(Listed, WordDropout):
    def __init__(self) -> None:
        super().__init__(rate=0.4, by="mask")


class ListedNEFTune(Listed, NEFTune): ...


def small_model(kind: str) -> Any:
    torch.manual_seed(0)
    return HEADS[kind][0](copy.deepcopy(CONFIGS[kind]))


def step_on(model: Any, methods: dict[str, Method], first_only: bool = True, packed: bool = True) -> Step:
    """A step on ``model``, made ready as a run does."""
    prepare(methods, model.train(), 1)
    masks.install(model)
    hooks = packing.install(encoder_of(model)) if packed else None
    if hooks is not None:
        hooks.first_only &= first_only and not any(m.needs_last_states for m in methods.values())
    targets = torch.tensor([0, 1, 1, 0, 1, 0, 0])
    return Step(model, encoder_of(model), small_task(), inputs(), targets, 3, 10, seed=1, packing=hooks)


def passes(step: Step, methods: dict[str, Method]) -> list[torch.Tensor]:
    """The loss, the clean pass's and all gradients."""
    loss = total_loss(step, list(methods.values()))
    step.backward(loss)
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in step.model.parameters()]
    return [loss, step.logits, *gradients]


def assert_alike(doubled: list[torch.Tensor], apart: list[torch.Tensor]) -> None:
    """They agree to float32's rounding, next to the largest entry of all."""
    largest = max(values.abs().max().item() for values in apart)
    for one, other in zip(doubled, apart, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6 * max(largest, 1))


# ALBERT's one layer is all of its layers: there is no input of the first alone that LNSR could disturb.
PAIRS = [(kind, name) for kind in CONFIGS for name in METHODS if kind != "albert" or "lnsr" not in name]


@pytest.mark.parametrize("first_only", [True, False])
@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_loss_and_gradients_are_those_of_two_passes(kind: str, name: str, first_only: bool) -> None:
    found = []
    for more in ({}, {"apart": Apart()}):
        methods = {"it": METHODS[name](), **more}
        step = step_on(small_model(kind), methods, first_only)
        found.append(passes(step, methods))
        assert (step.announced is None) == bool(more)
    assert_alike(*found)


@pytest.mark.parametrize("name", ["rdrop", "r3f", "lnsr"])
@pytest.mark.parametrize("learnt", ["tagging", "answers"])
def test_words_and_answers_are_those_of_two_passes(learnt: str, name: str) -> None:
    head = 1 if learnt == "tagging" else 2
    mask = inputs()["attention_mask"]
    ends = torch.stack([torch.zeros(len(mask), dtype=torch.long), mask.sum(1) - 1], 1)
    # Unlike numbers of words, none of them at the first token.
    begins = (mask == 1) & (torch.arange(mask.shape[1]) > 0)
    words = torch.cat([begins.nonzero(), begins.nonzero()[:, 1:] % 2], 1)
    found = []
    for more in ({}, {"apart": Apart()}):
        torch.manual_seed(0)
        methods: dict[str, Method] = {"it": METHODS[name](), **more}
        step = step_on(HEADS["bert"][head](copy.deepcopy(CONFIGS["bert"])), methods)
        kind = Tagging(["a", "b"]) if learnt == "tagging" else Answers()
        step.task = replace(step.task, kind=kind)
        step.targets = words if learnt == "tagging" else ends
        found.append(passes(step, methods))
        assert (step.announced is None) == bool(more)
        assert len(step.logits) == (len(words) if learnt == "tagging" else 2 * len(mask))
    assert_alike(*found)


@pytest.mark.parametrize("first_only", [True, False])
@pytest.mark.parametrize("dropout", ["independent", "shared"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_either_half_draws_the_masks_that_its_pass_draws_alone(
    kind: str, dropout: str, first_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[int | None, torch.Tensor]] = []
    draw = masks.mask

    def watched(shape: tuple[int, ...], keep: float, half: int | None = None) -> torch.Tensor:
        drawn.append((half, draw(shape, keep, half)))
        return drawn[-1][1]

    monkeypatch.setattr(masks, "mask", watched)

    def drawn_by(run: Callable[[], Any]) -> list[tuple[int | None, torch.Tensor]]:
        drawn.clear()
        run()
        return list(drawn)

    methods: dict[str, Method] = {"r3f": (r3f := R3F(dropout=dropout))}
    step, other = (step_on(small_model(kind), methods, first_only) for _ in range(2))
    alone = drawn_by(lambda: other.logits), drawn_by(lambda: r3f.noised_logits(other))
    step.announce([r3f])
    both = drawn_by(lambda: step.logits)
    for number, expected in enumerate(alone):
        parts = [
            kept.flatten() if half is not None else kept.flatten().chunk(2)[number]
            for half, kept in both
            if half in (None, number)
        ]
        assert len(parts) == len(expected) > 0
        assert all(torch.equal(part, kept.flatten()) for part, (_, kept) in zip(parts, expected, strict=True))


def test_a_doubled_batch_of_one_example_is_halved_as_any_other() -> None:
    found = []
    for more in ({}, {"apart": Apart()}):
        methods = {"it": R3F(sigma=0.1), **more}
        step = step_on(small_model("bert"), methods)
        step.inputs, step.targets = {k: v[:1] for k, v in step.inputs.items()}, step.targets[:1]
        found.append(passes(step, methods))
    assert_alike(*found)


def test_hype_and_smart_beside_see_what_they_see_beside_two_passes() -> None:
    found = []
    for more in ({}, {"apart": Apart()}):
        noise = ConstantHyPe(sigma=0.1, hidden_dropout=True)
        methods = {"hype": noise, "lnsr": LNSR(sigma=0.1), "smart": SMART(epsilon=0.1, mu=0.0), **more}
        found.append(passes(step_on(small_model("bert"), methods), methods))
    assert_alike(*found)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("noise", [ListedZeros, ListedMasks, ListedNEFTune])
def test_either_half_has_the_noise_on_words_that_its_pass_has_alone(noise: type[Listed], name: str) -> None:
    found = []
    for more in ({}, {"apart": Apart()}):
        model = small_model("bert")
        model.special_tokens = SPECIAL
        methods: dict[str, Method] = {"it": METHODS[name](), "noise": (listed := noise()), **more}
        step = step_on(model, methods)
        found.append(passes(step, methods))
        assert (step.announced is None) == bool(more)
        assert listed.drawn == 2 * step.examples
    assert_alike(*found)


def test_of_several_passes_the_first_shares_the_clean_ones_forward() -> None:
    methods = {"lnsr": LNSR(), "r3f": R3F(), "rdrop": RDrop(), "smart": SMART(mu=0.0)}
    step = step_on(small_model("bert"), methods)
    sizes: list[int] = []
    step.encoder.layers[1].register_forward_pre_hook(lambda _, states: sizes.append(states[0].shape[1]))
    total_loss(step, list(methods.values()))
    tokens = int(step.inputs["attention_mask"].sum())
    assert sizes == [2 * tokens] + 4 * [tokens]  # R3F, R-Drop; SMART's ascent and its term


@pytest.mark.parametrize(
    ("methods", "packed"),
    [
        ({"rdrop": RDrop()}, False),
        ({"mixout": Mixout(), "rdrop": RDrop()}, True),
        ({"lnsr": LNSR(dropout="off")}, True),
        ({"r3f": R3F(dropout="off")}, True),
        ({"r3f": R3F(strength=0.0)}, True),
        ({"lnsr": LNSR(scale=0.0)}, True),
        ({"lnsr": LNSR(layer=2)}, True),
        ({"child_tuning_d": ChildTuningD()}, True),
    ],
    ids=str,
)
def test_a_batch_is_not_doubled_where_that_would_change_or_waste_something(
    methods: dict[str, Method], packed: bool
) -> None:
    step = step_on(small_model("bert"), methods, packed=packed)
    step.announce(list(methods.values()))
    assert step.announced is None


def test_a_device_that_draws_for_the_whole_batch_has_none_that_is_doubled_unless_dropout_is_off() -> None:
    for rate, doubled in ((0.1, False), (0.0, True)):
        assert masks.drawn_by_halves(tiny_model(rate), torch.device("cuda")) == doubled
        assert masks.drawn_by_halves(tiny_model(rate), torch.device("cpu"))


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize("name", ["rdrop", "r3f", "lnsr"])
def test_a_run_learns_what_it_learns_from_two_passes(name: str, size: int | None) -> None:
    settings = {name: settings_of(ROOT / "conf" / "method" / f"{name}.yaml")}
    protocol = replace(PROTOCOL, epochs=1, micro_batch_size=size)
    doubled = tuned_with(settings, protocol=protocol)
    apart = tuned_with(settings | {"z": {"_target_": f"{__name__}.Apart"}}, protocol=protocol)
    np.testing.assert_allclose(doubled.outcome.losses, apart.outcome.losses, rtol=1e-4)
    assert doubled.gradients
    torch.testing.assert_close(doubled.gradients, apart.gradients, rtol=1e-3, atol=1e-6)


def test_the_first_tokens_of_both_halves_are_taken_and_put_back() -> None:
    layout = layout_of(inputs()["attention_mask"]).doubled()
    states = torch.arange(2.0 * 47).view(1, -1, 1)
    firsts = layout.firsts(states)
    assert firsts.flatten().tolist() == [*range(7), *range(47, 54)]
    spread = layout.spread(firsts[0]).flatten()
    assert torch.equal(spread[firsts.flatten().long()], firsts.flatten())
    assert spread.count_nonzero() == 13  # the first first is 0 itself
