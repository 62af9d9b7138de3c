"""Small stock models with random weights, batches for them, and a short training by hand."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    XLNetConfig,
    XLNetForSequenceClassification,
)

from benchmark.methods import Method, prepare
from benchmark.models.architecture import encoder_of
from benchmark.step.groups import parameter_groups
from benchmark.step.optimizer import Optimizer
from benchmark.step.passes import Step, total_loss
from benchmark.tasks import Classification, Task
from helpers.selections import Selection
from helpers.vectors import Case

SHAPE = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 24}
TINY = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}

#: A task that reads logits as they are, and keeps their precision.
TASK: Any = SimpleNamespace(
    loss=functional.cross_entropy,
    read=lambda output, inputs, targets: output.logits,
    of_example=lambda logits, targets, i: (logits[i : i + 1], targets[i : i + 1]),
)


def bert(seed: int = 0, **changes: Any) -> BertForSequenceClassification:
    """Three layers of 16 units in training mode, with the dropout of 0.1 that a stock configuration has."""
    torch.manual_seed(seed)
    return BertForSequenceClassification(BertConfig(vocab_size=30, **SHAPE | changes)).train()


def xlnet(**changes: Any) -> XLNetForSequenceClassification:
    """The like of `bert` whose states have the tokens first."""
    shape = {"d_model": 16, "n_layer": 3, "n_head": 4, "d_inner": 24}
    torch.manual_seed(0)
    return XLNetForSequenceClassification(XLNetConfig(vocab_size=30, **shape | changes)).train()


def tiny(kind: str = "bert", dropout: float = 0.0, outputs: int = 2) -> Any:
    """One layer of 8 units with large weights, so that what a test disturbs is seen."""
    if kind == "xlnet":
        return xlnet(d_model=8, n_layer=1, n_head=2, d_inner=16, dropout=dropout)
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return bert(num_labels=outputs, initializer_range=0.5, **TINY, **rates)


def of_kind(selection: Selection) -> Any:
    """A model of the architecture of ``selection``, which must have the parameters that its reference lists."""
    kind = {"xlmroberta": "xlm-roberta"}.get(selection.kind, selection.kind)
    if kind not in CONFIG_MAPPING:
        pytest.skip(f"{selection.label}: transformers has no architecture {kind!r}")
    layers = {
        int(number) for name in selection.everything for number in re.findall(r"layers?\.(\d+)\.", name)
    }
    shape = SHAPE | {"num_hidden_layers": len(layers)}
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(kind, vocab_size=29, **shape))
    assert {name for name, _ in model.named_parameters()} == selection.everything
    return model


def bert_of(case: Case) -> BertForSequenceClassification:
    """The stock model of a case, in float64 and training mode."""
    config = BertConfig(**case.hyper["config"], attn_implementation="eager")
    model = BertForSequenceClassification(config).double().train()
    model.load_state_dict(case.keyed("w"), strict=True)
    return model


def inputs_of(case: Case) -> dict[str, torch.Tensor]:
    return {key: case.tensor(key) for key in ("input_ids", "attention_mask", "token_type_ids")}


def batch() -> dict[str, torch.Tensor]:
    """Three examples of six tokens, of which one has padding."""
    ids = torch.randint(5, 29, (3, 6), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def step_of(model: nn.Module, inputs: dict[str, torch.Tensor], number: int = 0) -> Step:
    """A step whose targets are class 0."""
    targets = torch.zeros(len(inputs["input_ids"]), dtype=torch.long)
    return Step(model, encoder_of(model), TASK, inputs, targets, number, 10, seed=1)


def small_step(
    kind: str = "bert",
    lengths: Sequence[int] = (4, 4, 4, 4),
    dropout: float = 0.0,
    model: Any = None,
    regression: bool = False,
) -> Step:
    """A step over examples of these lengths; the i-th is the same whatever is beside it."""
    model = model or tiny(kind, dropout)
    rows = [torch.arange(3 + i, 3 + i + length) for i, length in enumerate(lengths)]
    ids = nn.utils.rnn.pad_sequence(rows, True)
    inputs = {"input_ids": ids, "attention_mask": (ids > 0).long()}
    targets = (torch.arange(len(rows)) % 2).to(torch.float if regression else torch.long)
    task = Task("t", Classification([] if regression else ["no", "yes"]), [], None, {}, 0, False, None, {})
    return Step(model.train(), encoder_of(model), task, inputs, targets, number=0, total=10, seed=1)


def trained(
    *methods: Method, updates: int = 4, rate: float = 1e-3, seed: int = 1
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The weights a small BERT starts from after all preparation, and after ``updates`` with ``methods``."""
    model = bert()
    chosen = {f"method_{number}": method for number, method in enumerate(methods)}
    prepare(chosen, model, seed)
    start = copy.deepcopy(model.state_dict())
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 30, (updates, 6, 5), generator=draw)
    labels = torch.randint(0, 2, (updates, 6), generator=draw)

    def step(number: int, batch: int) -> Step:
        inputs = {"input_ids": tokens[batch]}
        return Step(model, encoder_of(model), TASK, inputs, labels[batch], number, updates, seed)

    for method in methods:
        method.survey(step(-1 - number, number) for number in range(updates))

    def factor(name: str) -> float:
        return float(np.prod([method.rate_factor(name) for method in methods]))

    optimizer = Optimizer(
        parameter_groups(model, 0.01, factor), "adamw", (0.9, 0.999), 1e-8, lambda _: rate, methods, updates
    )
    for number in range(updates):
        one = step(number, number)
        one.backward(total_loss(one, methods))
        optimizer.step()
    return start, model.state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether all weights of ``one`` equal those of ``other``, bit for bit."""
    return all(torch.equal(value, other[name]) for name, value in one.items())


def check_neutral_training(method: Method) -> None:
    """Training with ``method`` is plain fine-tuning, bit for bit."""
    assert same(trained(method)[1], trained()[1])


def check_active_training(method: Method) -> None:
    """``method`` changes training, not its start, and the same seed repeats it."""
    again = copy.deepcopy(method)
    start, end = trained(method)
    assert same(start, trained()[0])
    assert not same(end, trained()[1])
    assert same(end, trained(again)[1])


def check_neutral_pass(method: Method) -> None:
    """Logits, loss and gradients of a pass with ``method`` are plain fine-tuning's, bit for bit."""
    results = []
    for methods in ({}, {"it": method}):
        model = bert()
        prepare(methods, model, 1)
        step = step_of(model.train(), batch())
        loss = total_loss(step, list(methods.values()))
        loss.backward()
        results.append([loss, step.logits.detach(), *(p.grad for p in model.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))
