"""Padding is left out only for models that give the same results without it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    EsmConfig,
    GteConfig,
    JinaEmbeddingsV3Config,
    MobileBertConfig,
    ModernBertConfig,
    NomicBertConfig,
    XmodConfig,
)

from benchmark.models import packing, verification
from benchmark.models.architecture import captured_states, encoder_of

SHAPE = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
}
ENDS = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
ESM = {"mask_token_id": 4, "token_dropout": False}
PACKED: dict[str, Any] = {
    "modernbert": ModernBertConfig(**SHAPE, **ENDS, local_attention=8),
    "modernbert, mean": ModernBertConfig(**SHAPE, **ENDS, local_attention=8, classifier_pooling="mean"),
    "esm": EsmConfig(**SHAPE, **ESM, position_embedding_type="rotary"),
    "nomic": NomicBertConfig(**SHAPE),
    "gte": GteConfig(**SHAPE),
    "jina": JinaEmbeddingsV3Config(**SHAPE),
}
PADDED: dict[str, Any] = {
    "causal bert": BertConfig(**SHAPE, is_decoder=True),
    "xmod": XmodConfig(**SHAPE, default_language="en_XX"),
    "mobilebert": MobileBertConfig(**SHAPE, embedding_size=8, intra_bottleneck_size=8),
}
LENGTHS = (21, 3, 12, 1, 20)


def made(config: Any, head: Any = AutoModelForSequenceClassification) -> Any:
    """A model whose weights are spread, so that its attention is uneven."""
    torch.manual_seed(0)
    model = head.from_config(copy.deepcopy(config)).eval()
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
    return model


def texts(left: bool = False) -> dict[str, torch.Tensor]:
    mask = (torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]).long()
    mask = mask.flip(1) if left else mask
    ids = torch.randint(5, 40, mask.shape, generator=torch.Generator().manual_seed(1))
    return {"input_ids": ids.where(mask == 1, 0), "attention_mask": mask}


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("name", PACKED)
def test_rotary_positions_and_windows_are_right_without_padding(name: str, left: bool) -> None:
    stock = made(
        PACKED[name], AutoModelForTokenClassification if left else AutoModelForSequenceClassification
    )
    packed, batch = copy.deepcopy(stock), texts(left)
    encoder = encoder_of(packed)
    assert packing.install(encoder) is not None
    with captured_states(encoder) as states:
        result = packed(**batch).logits
    assert {state.shape[1] for state in states[:-1]} == {sum(LENGTHS)}
    expected = stock(**batch).logits
    real = batch["attention_mask"] == 1
    result, expected = (result[real], expected[real]) if left else (result, expected)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
    result.square().sum().backward()
    expected.square().sum().backward()
    for (weight, parameter), other in zip(stock.named_parameters(), packed.parameters(), strict=True):
        if parameter.grad is not None:
            torch.testing.assert_close(other.grad, parameter.grad, rtol=1e-3, atol=1e-4, msg=weight)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        *((name, AutoModelForSequenceClassification) for name in PADDED),
        ("causal bert", AutoModelForTokenClassification),
        ("xmod", AutoModelForTokenClassification),
    ],
)
def test_a_model_with_other_results_keeps_its_padding_and_is_as_before(name: str, head: Any) -> None:
    model = made(PADDED[name], head)
    stock, batch = copy.deepcopy(model), texts()
    assert packing.install(encoder_of(model)) is None
    assert torch.equal(model(**batch).logits, stock(**batch).logits)
    assert all(
        torch.equal(weight, other)
        for weight, other in zip(model.parameters(), stock.parameters(), strict=True)
    )
    assert not any(hasattr(module, "packing") for module in model.modules())


class Distant(nn.Module):
    """Adds to every token the one before it in its row: right with padding, wrong between packed texts."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, states: torch.Tensor, *arguments: Any, **named: Any) -> Any:
        return self.layer(states + 1e-3 * states.roll(1, 1), *arguments, **named)


@pytest.mark.parametrize("head", [AutoModelForSequenceClassification, AutoModelForTokenClassification])
def test_a_family_that_nobody_knows_is_found_out(head: Any) -> None:
    model = made(BertConfig(**SHAPE), head)
    layers = model.bert.encoder.layer
    for number, layer in enumerate(layers):
        layers[number] = Distant(layer)
    model.config.architectures = ["Distant"]  # another configuration than that of a model known to be right
    assert packing.install(encoder_of(model)) is None


def test_the_check_neither_draws_nor_changes_a_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "KNOWN", {})
    model = AutoModelForSequenceClassification.from_config(BertConfig(**SHAPE)).train()
    before, state = copy.deepcopy(model.state_dict()), torch.random.get_rng_state()
    assert packing.install(encoder_of(model)) is not None
    assert model.training
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_small_weights_are_spread_for_the_check_alone() -> None:
    model = AutoModelForSequenceClassification.from_config(BertConfig(**SHAPE))
    encoder = encoder_of(model)
    query: Any = encoder.layers[0].attention.self.query
    states = torch.randn(64, query.in_features)
    before = query(states)
    with torch.no_grad(), verification.spread(encoder):
        assert 0.5 < query(states).std() < 2
    assert before.std() < 0.2
    assert torch.equal(query(states), before)


def test_results_are_kept_and_a_damaged_one_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, checks = made(BertConfig(**SHAPE)), []
    monkeypatch.setattr(verification, "_own_code", lambda: "a version of the code")
    check = verification.Check
    monkeypatch.setattr(verification, "Check", lambda encoder: checks.append(1) or check(encoder))  # type: ignore
    for expected, content in ((1, None), (1, None), (2, "Tru")):
        monkeypatch.setattr(verification, "KNOWN", {})
        if content is not None:
            next((tmp_path / "packing").iterdir()).write_text(content)
        assert packing.install(encoder_of(copy.deepcopy(model)), tmp_path) is not None
        assert len(checks) == expected


def test_a_model_whose_outputs_are_no_numbers_decides_nothing_for_others_like_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verification, "KNOWN", {})
    config = BertConfig(**SHAPE)
    diverged, sound = made(config), made(config)
    nn.init.constant_(diverged.classifier.bias, float("nan"))
    assert packing.install(encoder_of(diverged)) is None
    assert packing.install(encoder_of(sound)) is not None
