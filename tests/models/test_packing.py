"""Encoding without padding computes what encoding with padding does, on every kind of model and head."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    PreTrainedModel,
    XLNetConfig,
    XLNetForSequenceClassification,
)

from benchmark.config.compose import ROOT
from benchmark.methods import build, prepare
from benchmark.methods.common.hidden_noise import HiddenNoise
from benchmark.models import masks, packing
from benchmark.models.architecture import captured_states, encoder_of
from benchmark.models.lined_up_layout import PADDING, LinedUpLayout, gap, lined_up
from benchmark.models.packing import layout_of
from benchmark.testing.fixtures import (
    CPU,
    LAYERS,
    PROTOCOL,
    SHAPE,
    Gradients,
    settings_of,
    small_task,
    tiny_model,
)
from helpers.models import CONFIGS, HEADS, LENGTHS, inputs
from helpers.tuning import finetune


def answers(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """All outputs of the head that concern no padding, in one row."""
    real = batch["attention_mask"] == 1
    outputs = model(**batch).values()
    return torch.cat([(out[real] if out.shape[:2] == real.shape else out).flatten() for out in outputs])


# A head that reads the first place finds padding there when it is on the left.
@pytest.mark.parametrize(("head", "left"), [(0, False), (1, False), (2, False), (1, True), (2, True)])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_outputs_and_gradients_are_those_of_the_padded_model(
    architecture: str, head: int, left: bool
) -> None:
    torch.manual_seed(0)
    stock = HEADS[architecture][head](copy.deepcopy(CONFIGS[architecture])).eval()
    packed = copy.deepcopy(stock)
    hooks = packing.install(encoder_of(packed))
    assert hooks is not None
    assert hooks.first_only == (head == 0 and architecture not in ("albert", "distilbert"))
    batch = inputs(left)
    expected, found = answers(stock, batch), answers(packed, batch)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    expected.square().sum().backward()
    found.square().sum().backward()
    for (name, parameter), other in zip(stock.named_parameters(), packed.parameters(), strict=True):
        if parameter.grad is not None:
            torch.testing.assert_close(other.grad, parameter.grad, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize(
    "kind",
    [(XLNetForSequenceClassification, XLNetConfig), (DebertaV2ForSequenceClassification, DebertaV2Config)],
)
def test_kinds_that_need_their_padding_keep_it(kind: tuple[Any, Any]) -> None:
    shape = {key: SHAPE[key] for key in ("vocab_size", "pad_token_id")}
    small = {"d_model": 8, "n_layer": 2, "n_head": 2, "d_inner": 12} if kind[1] is XLNetConfig else SHAPE
    assert packing.install(encoder_of(kind[0](kind[1](**(shape | small))))) is None


def test_no_padding_reaches_the_layers_and_the_last_one_ends_with_first_tokens() -> None:
    model = BertForSequenceClassification(BertConfig(**SHAPE)).eval()
    encoder = encoder_of(model)
    hooks = packing.install(encoder)
    assert hooks is not None
    with captured_states(encoder) as states:
        model(**inputs())
    assert [state.shape[1] for state in states] == [sum(LENGTHS)] * LAYERS + [len(LENGTHS)]
    hooks.first_only = False
    with captured_states(encoder) as states:
        model(**inputs())
    assert [state.shape[1] for state in states] == [sum(LENGTHS)] * (LAYERS + 1)


def test_the_first_tokens_draw_the_same_dropout_with_and_without_the_others() -> None:
    model = BertForSequenceClassification(BertConfig(**SHAPE)).train()
    masks.install(model)
    hooks = packing.install(encoder_of(model))
    assert hooks is not None
    found = []
    for hooks.first_only in (True, False):
        masks.start_pass(5)
        found.append(model(**inputs()).logits)
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)
    masks.start_pass(6)
    assert not torch.allclose(model(**inputs()).logits, found[1])


def test_a_model_without_a_mask_or_in_other_use_still_works() -> None:
    model = BertForSequenceClassification(BertConfig(**SHAPE)).eval()
    stock = copy.deepcopy(model)
    packing.install(encoder_of(model))
    ids = inputs()["input_ids"]
    torch.testing.assert_close(model(input_ids=ids).logits, stock(input_ids=ids).logits)


def test_the_largest_value_of_an_example_is_found_among_its_own_tokens() -> None:
    layout = layout_of(inputs()["attention_mask"])
    values = torch.rand(7, 11, 4)
    largest = layout.unpack(layout.largest(layout.pack(values)))[:, 0, 0]
    assert largest.tolist() == [values[i, :length].max().item() for i, length in enumerate(LENGTHS)]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "conf" / "method").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_method_sees_the_same_losses_and_gradients_without_padding(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Draws depend on the shape of what they are for: here every token gets the same noise.
    monkeypatch.setattr(
        HiddenNoise, "noised", lambda self, state: state + self.sigma * torch.linspace(-1, 1, state.shape[-1])
    )
    found = []
    for packed in (True, False):
        model, gradients, method = tiny_model(dropout=0.0), Gradients(), build({"one": settings_of(path)})
        prepare(method, model, 1)
        protocol = replace(PROTOCOL, epochs=1, micro_batch_size=3)
        chosen = [*method.values(), gradients]
        outcome = finetune(model, small_task(), chosen, protocol, 1, CPU, packed=packed)
        assert outcome.padded is not packed
        found.append((outcome.losses, gradients.seen))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5)
    assert found[0][1]
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-3, atol=1e-6)


def lined(mask: torch.Tensor) -> LinedUpLayout:
    """The layout of ``mask`` for a GPU, on the host."""
    return lined_up(mask.numpy().astype(bool))


@pytest.mark.parametrize("filled", [False, True], ids=["as it is", "filled up"])
@pytest.mark.parametrize("twice", [False, True], ids=["single", "doubled"])
def test_lined_up_states_are_packed_and_put_back(twice: bool, filled: bool) -> None:
    mask = inputs()["attention_mask"]
    layout = lined(mask).filled_up() if filled else lined(mask)
    assert layout is not None
    layout, mask = (layout.doubled(), torch.cat([mask, mask])) if twice else (layout, mask)
    states = torch.rand(*mask.shape, 3, requires_grad=True)
    packed = layout.pack(states)
    assert packed.shape[1] % 8 == 0 or not filled
    unpacked = layout.unpack(packed)
    torch.testing.assert_close(unpacked, states * mask[..., None])
    unpacked.square().sum().backward()
    torch.testing.assert_close(states.grad, 2 * states * mask[..., None])
    firsts = layout.of_examples(layout.firsts(packed))
    torch.testing.assert_close(firsts, states[:, :1])


def of_many_lengths() -> list[LinedUpLayout]:
    """Batches of 32 texts of at most 64 tokens, filled up; some with more padding in one row than a text is long."""
    rng = torch.Generator().manual_seed(0)
    real = [torch.arange(64) < torch.randint(20, 64, (32, 1), generator=rng) for _ in range(40)]
    found = [lined(mask).filled_up() for mask in real]
    return [filled for filled in found if filled is not None]


def test_padding_is_cut_into_short_sequences_none_of_them_empty() -> None:
    for tokens in (*range(1, 40), *range(1900, 2100)):
        mask = torch.arange(-(-tokens // 32) + 40) < torch.full((32, 1), tokens // 32)
        mask[:, : tokens // 32 + 1][: tokens % 32] = True
        filled = lined(mask).filled_up()
        assert filled is not None
        padding = filled.offsets.diff().tolist()[32:]
        assert sum(padding) == len(filled.tokens) - tokens
        assert 0 < min(padding) <= max(padding) <= PADDING + 2


def test_a_batch_is_filled_with_padding_up_to_a_few_sizes() -> None:
    mask = torch.tensor([[1] * 9 + [0] * 3, [1] * 5 + [0] * 7])
    filled = lined(mask).filled_up()
    assert filled is not None
    assert len(filled.tokens) == 16
    assert filled.tokens[14:].tolist() == [9, 10]
    assert filled.offsets.tolist() == [0, 9, 14, 16]
    assert lined(torch.ones(2, 8)).filled_up() is None  # no room
    assert len(lined(torch.tensor([[1] * 8, [1] * 5 + [0] * 3])).filled_up().tokens) == 16
    assert len(lined(torch.tensor([[1, 1], [1, 0]])).filled_up().tokens) == 4
    longest = [max(filled.offsets.diff().tolist()) for filled in of_many_lengths()]
    assert all(most <= filled.longest for most, filled in zip(longest, of_many_lengths(), strict=True))
    shapes = {(len(filled.tokens), filled.longest, len(filled.offsets)) for filled in of_many_lengths()}
    assert len(shapes) == len({len(filled.tokens) for filled in of_many_lengths()}) > 2
    sizes = {-(-tokens // gap(tokens)) * gap(tokens) for tokens in range(1024, 2049)}
    assert sorted(sizes) == list(range(1024, 2049, 128))
