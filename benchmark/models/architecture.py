"""The parts of an encoder, found by structure, and temporary changes of their states.

Works on stock `transformers` models (BERT, RoBERTa, XLM-R, ELECTRA, XLNet, DeBERTa and its successors): their
layers are the largest list of like modules in the base model. Each layer takes the hidden states as its first
input and returns them, alone or first in a tuple.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError

Change = Callable[[torch.Tensor], torch.Tensor]
POOLER = "pooler"
LOOKED_AT = 2  # tokens


@dataclass(frozen=True)
class Encoder:
    """The parts of a model with a head.

    ``base`` is the pretrained model without head; ``layers`` are in order; ``words`` is the token embedding.
    ``prefix`` begins the names of the base's parameters, and each of ``layer_prefixes`` those of one layer.
    """

    model: PreTrainedModel
    base: nn.Module
    layers: list[nn.Module]
    words: nn.Module
    prefix: str
    layer_prefixes: list[str]

    def depth(self, name: str) -> int | None:
        """The number (0-based) of the layer of the parameter ``name``, or None."""
        for number, prefix in enumerate(self.layer_prefixes):
            if name.startswith(prefix):
                return number
        return None

    def in_head(self, name: str) -> bool:
        """True if the parameter ``name`` is outside the pretrained model."""
        return not name.startswith(self.prefix)

    def is_new(self, name: str) -> bool:
        """True if the parameter ``name`` was drawn for the task: its checkpoint has none.

        These are weights of the head, and a pooler's if the checkpoint has no pooler. A head may have weights of
        pretraining too (ModernBERT). Of a model that no checkpoint made, the whole head is new.
        """
        drawn: list[str] | None = getattr(self.model, "drawn", None)  # by `benchmark.models.pretrained.load`
        return self.in_head(name) if drawn is None else name in drawn

    def in_pooler(self, name: str) -> bool:
        """True if the parameter or module ``name`` is in the pretrained model's pooler.

        Not all models have a pooler.
        """
        place = f"{self.prefix}{POOLER}"
        return name == place or name.startswith(f"{place}.")

    def layer_norms(self) -> set[str]:
        """The names of all normalisation parameters."""
        return {
            f"{place}.{name}"
            for place, module in self.model.named_modules()
            if "norm" in type(module).__name__.lower()
            for name, _ in module.named_parameters(recurse=False)
        }


def encoder_of(model: PreTrainedModel) -> Encoder:
    """The parts of ``model``. Raises: BenchmarkError if it has no list of layers or no token embedding."""
    base = model.base_model
    places = {id(module): name for name, module in model.named_modules()}
    lists = [
        module
        for module in base.modules()
        if isinstance(module, nn.ModuleList) and len({type(part) for part in module}) == 1
    ]
    if not lists:
        raise BenchmarkError(f"{type(model).__name__}: no list of encoder layers found in it")
    layers = list(
        max(lists, key=lambda modules: sum(p.numel() for layer in modules for p in layer.parameters()))
    )
    try:
        words = model.get_input_embeddings()
    except NotImplementedError as error:
        raise BenchmarkError(f"{type(model).__name__}: no table of token embeddings found in it") from error
    return Encoder(
        model=model,
        base=base,
        layers=layers,
        words=words,
        prefix=places[id(base)] + "." if places[id(base)] else "",
        layer_prefixes=[places[id(layer)] + "." for layer in layers],
    )


@contextmanager
def input_changed(module: nn.Module, change: Change) -> Iterator[None]:
    """Give ``module`` ``change(first input)`` as its first input, for a while.

    A change that stays on the module comes after it: noise is added to the changed input.
    """
    handle = on_input(module, change, first=True)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def output_changed(module: nn.Module, change: Change) -> Iterator[None]:
    """Replace the first output of ``module`` by ``change(first output)``, for a while."""
    handle = on_output(module, change)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def captured_states(encoder: Encoder) -> Iterator[list[torch.Tensor]]:
    """Capture hidden states of a pass in a list: the first layer's input, then every layer's output.

    The states are taken before a change on the next layer adds its noise.
    """
    states: list[torch.Tensor] = []

    def keep(_: int, state: torch.Tensor) -> torch.Tensor:
        states.append(state)
        return state

    with at_layers(encoder, None, keep):
        yield states


@contextmanager
def at_layers(
    encoder: Encoder, layers: Collection[int] | None, act: Callable[[int, torch.Tensor], torch.Tensor]
) -> Iterator[None]:
    """Call ``act(number, hidden state)`` at each of ``layers`` (None: all), in the order of one pass.

    0 is the first layer's input. The state is replaced by the result of ``act``. A layer whose weights are
    applied several times has a number for each time.
    """
    passed = 0

    def begins(state: torch.Tensor) -> torch.Tensor:
        return act(0, state) if not passed and (layers is None or 0 in layers) else state

    def ends(state: torch.Tensor) -> torch.Tensor:
        nonlocal passed
        passed += 1
        return act(passed, state) if layers is None or passed in layers else state

    handles = [on_input(encoder.layers[0], begins, first=True)]
    handles += [on_output(layer, ends) for layer in dict.fromkeys(encoder.layers)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def length_first(encoder: Encoder) -> bool:
    """True if hidden states are (tokens, examples, hidden), as XLNet's are."""
    with captured_states(encoder) as states:
        look(encoder)
    return states[0].shape[0] == LOOKED_AT


def times_applied(encoder: Encoder) -> int:
    """The number of times that a pass applies one layer's weights.

    It is above 1 if layers share them, as ALBERT's do.
    """
    calls: Counter[nn.Module] = Counter()
    handles = [
        layer.register_forward_hook(lambda called, *_: calls.update([called]))
        for layer in dict.fromkeys(encoder.layers)
    ]
    try:
        look(encoder)
    finally:
        for handle in handles:
            handle.remove()
    return max(calls.values())


@torch.no_grad()
def look(encoder: Encoder) -> None:
    """Make a pass over one example of `LOOKED_AT` tokens, in evaluation mode."""
    training = encoder.model.training
    device = next(encoder.model.parameters()).device
    encoder.model.eval()
    try:
        encoder.base(input_ids=torch.zeros(1, LOOKED_AT, dtype=torch.long, device=device))
    finally:
        encoder.model.train(training)


def on_input(module: nn.Module, change: Change, first: bool = False) -> torch.utils.hooks.RemovableHandle:
    """Put ``change`` on the first input of ``module``, positional or by name, to stay.

    ``first``: it acts before all other changes.
    """

    def hook(_: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
        if positional:
            return (change(positional[0]), *positional[1:]), named
        name = next(iter(named))
        return positional, named | {name: change(named[name])}

    return module.register_forward_pre_hook(hook, with_kwargs=True, prepend=first)


def on_output(module: nn.Module, change: Change) -> torch.utils.hooks.RemovableHandle:
    """Put ``change`` on the first output of ``module``, to stay."""

    def hook(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        return (change(output[0]), *output[1:]) if isinstance(output, tuple) else change(output)

    return module.register_forward_hook(hook)
