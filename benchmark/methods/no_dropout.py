"""Plain fine-tuning with hidden dropout off: the control that HyPe's tables lack.

HyPe (Yuan et al., ACL 2023) switches hidden dropout off and adds noise of strength 1e-5; its Tables 1 and 9
compare that with dropout and noise, and with dropout alone, but never with neither of them.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method

#: Names of the dropout of hidden states in configurations; XLNet and DistilBERT say `dropout`.
HIDDEN_DROPOUT = ("hidden_dropout_prob", "dropout")


@dataclass
class NoDropout(Method):
    """Switch off hidden dropout, as HyPe does.

    With ``attention_dropout: false`` the dropout of attention weights is off too.
    """

    paper: ClassVar[str] = "control for Yuan et al., ACL 2023"
    cost: ClassVar[str] = "none"
    not_captured = ""
    leaves_words_alone = True

    attention_dropout: bool = True  # True keeps it on

    @property
    def exempt(self) -> dict[str, str]:
        return {"neutral": "dropout is off in any case"}

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        switch_off_dropout(model, attention=not self.attention_dropout)


def switch_off_dropout(model: PreTrainedModel, attention: bool = False) -> None:
    """Switch off the hidden dropout of ``model``; with ``attention``, all dropout.

    Architectures wire dropout differently, in the head as well: a rate is in a module of its own, is a number of
    another module (ModernBERT's attention), or is read from the configuration. To find the rates of the
    configuration's entry, the model's own class is built once more, on the meta device without memory, with the
    entry set to 0.

    Raises: BenchmarkError if the configuration has no entry for hidden dropout.
    """
    if attention:
        for part in (model.config, *model.modules()):
            for rate in rates(part):
                setattr(part, rate, 0.0)
        return
    entry = next((name for name in HIDDEN_DROPOUT if hasattr(model.config, name)), None)
    if entry is None:
        raise BenchmarkError(
            f"hidden dropout: the configuration of a {type(model).__name__} has no entry {' or '.join(HIDDEN_DROPOUT)}"
        )
    setattr(model.config, entry, 0.0)
    with torch.device("meta"):
        twin = dict(type(model)(deepcopy(model.config)).named_modules())
    for name, module in model.named_modules():
        for rate in rates(module):
            if name in twin and getattr(twin[name], rate, None) == 0:
                setattr(module, rate, 0.0)


def rates(part: Any) -> list[str]:
    """The attributes of a module or a configuration that are rates of dropout, above 0."""
    return [
        name
        for name, value in vars(part).items()
        if isinstance(value, float) and value > 0 and ("drop" in name or isinstance(part, nn.Dropout))
    ]
