"""The control without dropout switches off hidden dropout, and that of attention if it is told to."""

from __future__ import annotations

from torch import nn

from benchmark.methods import prepare
from benchmark.methods.no_dropout import NoDropout
from helpers.small_models import bert


def test_hidden_dropout_alone_is_off() -> None:
    prepare({"it": NoDropout()}, model := bert(), 1)
    rates = {name: part.p for name, part in model.named_modules() if isinstance(part, nn.Dropout)}
    assert {name for name, rate in rates.items() if rate > 0} == {
        f"bert.encoder.layer.{i}.attention.self.dropout" for i in range(3)
    }


def test_all_dropout_is_off() -> None:
    prepare({"it": NoDropout(attention_dropout=False)}, model := bert(), 1)
    assert all(part.p == 0 for part in model.modules() if isinstance(part, nn.Dropout))
