"""The control without dropout switches off hidden dropout, and that of attention if it is told to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from benchmark.methods import prepare
from benchmark.methods.no_dropout import NoDropout
from helpers.small_models import bert

SIZES = {"vocab_size": 32, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "num_labels": 2}
#: Architectures that keep rates as numbers, some of them in the configuration alone, with rates above 0.
NUMBERS: dict[str, dict[str, Any]] = {
    "modernbert": {
        **{"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12},
        **{"attention_dropout": 0.5, "embedding_dropout": 0.5, "mlp_dropout": 0.5, "classifier_dropout": 0.5},
    },
    "xlm": {"emb_dim": 8, "n_layers": 2, "n_heads": 2, "dropout": 0.5, "attention_dropout": 0.5},
    "falcon": {
        **{"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"attention_dropout": 0.5, "hidden_dropout": 0.5},
    },
}


def numbers(kind: str, **changes: Any) -> Any:
    """A small model of an architecture of `NUMBERS`."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **SIZES | NUMBERS[kind] | changes)
    return AutoModelForSequenceClassification.from_config(config).train()


def passes(model: Any) -> list[torch.Tensor]:
    """Three training passes on one batch."""
    ids = torch.randint(3, 32, (4, 9), generator=torch.Generator().manual_seed(0))
    return [model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits for _ in range(3)]


def test_hidden_dropout_alone_is_off() -> None:
    prepare({"it": NoDropout()}, model := bert(), 1)
    rates = {name: part.p for name, part in model.named_modules() if isinstance(part, nn.Dropout)}
    assert {name for name, rate in rates.items() if rate > 0} == {
        f"bert.encoder.layer.{i}.attention.self.dropout" for i in range(3)
    }


def test_all_dropout_is_off() -> None:
    prepare({"it": NoDropout(attention_dropout=False)}, model := bert(), 1)
    assert all(part.p == 0 for part in model.modules() if isinstance(part, nn.Dropout))


@pytest.mark.parametrize("kind", NUMBERS)
def test_all_dropout_is_off_where_rates_are_numbers(kind: str) -> None:
    prepare({"it": NoDropout(attention_dropout=False)}, model := numbers(kind), 1)
    first, *others = passes(model)
    assert all(torch.equal(first, other) for other in others)
    first, *others = passes(numbers(kind))
    assert not any(torch.equal(first, other) for other in others)


def test_hidden_dropout_is_off_where_its_rate_is_a_number() -> None:
    prepare({"it": NoDropout()}, still := numbers("xlm", attention_dropout=0.0, summary_first_dropout=0.0), 1)
    first, *others = passes(still)
    assert all(torch.equal(first, other) for other in others)
    prepare({"it": NoDropout()}, model := numbers("xlm"), 1)
    assert model.transformer.attentions[0].dropout == 0.5
