"""Padding-free encoding: between the embeddings and the head of a model, only real tokens are computed.

Works by hooks on stock models. After the embeddings the real tokens of a batch are gathered into one row
of hidden states (1, tokens, hidden); attention, registered with `transformers`, takes them apart into
groups of examples of like length; after the encoder they return to (examples, length, hidden), so that
poolers and heads never notice. The first token of every example leads the row.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface

from benchmark.models.architecture import Encoder, on_input, on_output
from benchmark.models.attention import attention
from benchmark.models.grouped_layout import GroupedLayout, grouped
from benchmark.models.lined_up_layout import lined_up
from benchmark.models.packed_layout import PackedLayout

ATTENTION = "packed"


class Packing:
    """The hooks on one model; ``layout`` is that of the pass under way, None outside of one.

    With ``first_only`` the last layer computes what follows its attention for the first token of each
    example alone. It is for heads that read no other, while nobody looks at the hidden states.
    """

    def __init__(self, encoder: Encoder, embeddings: nn.Module, stack: nn.Module) -> None:
        self.layout: PackedLayout | None = None
        self.known: list[tuple[torch.Tensor, PackedLayout]] = []
        self.first_only = False
        encoder.base.register_forward_pre_hook(self._arrive, with_kwargs=True)
        on_output(embeddings, self._pack)
        stack.register_forward_hook(self._unpack)
        encoder.base.register_forward_hook(self._leave, always_call=True)
        for module in stack.modules():
            module.packing = self  # type: ignore[assignment]  # where attention finds the layout
        self.last = attention_block(encoder.layers[-1])
        if self.last is not None:
            on_input(self.last.self.query, self._asked)
            on_output(self.last.self.query, self._filled_up)
            self.last.output.register_forward_pre_hook(self._first_of_all)

    def of(self, mask: torch.Tensor) -> PackedLayout:
        """The layout of ``mask``, kept for the further passes over the same batch."""
        for known, layout in self.known:
            if known is mask:
                return layout
        self.known = [(mask, layout_of(mask))]
        return self.known[0][1]

    def expect(self, mask: torch.Tensor, layout: PackedLayout) -> None:
        """The next batch is that of ``mask``; made of its copy on the host, ``layout`` costs no wait for the device."""
        self.known = [(mask, layout)]

    def doubled(self, mask: torch.Tensor) -> torch.Tensor:
        """The mask of the batch of ``mask`` with the same batch after it, to be given to the model as it is."""
        layout = self.of(mask).doubled()
        doubled = torch.cat([mask, mask])
        self.known.append((doubled, layout))
        return doubled

    def _arrive(self, _: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        mask = named.get("attention_mask", positional[1] if len(positional) > 1 else None)
        self.layout = None if mask is None else self.of(mask)

    def _pack(self, states: torch.Tensor) -> torch.Tensor:
        return states if self.layout is None else self.layout.pack(states)

    def _unpack(self, _: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        if self.layout is not None:
            states = output["last_hidden_state"]
            alone = self.first_only and self.last is not None
            output["last_hidden_state"] = (self.layout.of_examples if alone else self.layout.unpack)(states)
        return output

    def _leave(self, *_: Any) -> None:
        self.layout = None

    def _asked(self, states: torch.Tensor) -> torch.Tensor:
        """What queries are made of: on a CPU first tokens alone, where the head reads no others."""
        return self._first(states) if isinstance(self.layout, GroupedLayout) else states

    def _first(self, states: torch.Tensor) -> torch.Tensor:
        if self.layout is None or not self.first_only:
            return states
        return self.layout.firsts(states)

    def _first_of_all(self, _: nn.Module, states: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(map(self._first, states))

    def _filled_up(self, queries: torch.Tensor) -> torch.Tensor:
        """Zeros in the place of queries that nobody asks, for the shape's sake."""
        if not isinstance(self.layout, GroupedLayout) or not self.first_only:
            return queries
        return self.layout.spread(queries.squeeze(0)).unsqueeze(0)


def install(encoder: Encoder) -> Packing | None:
    """Let the model of ``encoder`` compute without padding; None where its kind needs its padding inside."""
    children = list(encoder.base.children())
    embeddings = next((c for c in children if encoder.words in c.modules() and c is not encoder.words), None)
    stack = next((c for c in children if encoder.layers[0] in c.modules()), None)
    if embeddings is None or stack is None or not encoder.model._supports_sdpa:
        return None
    AttentionInterface.register(ATTENTION, attention)
    encoder.model.set_attn_implementation(ATTENTION)
    packing = Packing(encoder, embeddings, stack)
    packing.first_only = packing.last is not None and reads_first_only(encoder, stack)
    return packing


def layout_of(attention_mask: torch.Tensor, device: torch.device | None = None) -> PackedLayout:
    """The layout, on ``device``, of a batch with ``attention_mask`` (examples, length), 1 at real tokens."""
    device = attention_mask.device if device is None else device
    real = attention_mask.cpu().numpy().astype(bool)
    return grouped(real) if device.type == "cpu" else lined_up(real).on(device)


def attention_block(layer: nn.Module) -> Any:
    """The part of ``layer`` in which BERT's family joins attention and residual; None in other families."""
    return next(
        (m for m in layer.modules() if hasattr(m, "output") and hasattr(getattr(m, "self", None), "query")),
        None,
    )


def reads_first_only(encoder: Encoder, stack: nn.Module) -> bool:
    """Whether the head of the model reads the first token's state and no other, told by its gradient."""
    states: list[torch.Tensor] = []
    handle = stack.register_forward_hook(lambda _, __, output: states.append(output["last_hidden_state"]))
    training, device = encoder.model.training, next(encoder.model.parameters()).device
    encoder.model.eval()
    try:
        with torch.enable_grad():
            outputs = encoder.model(input_ids=torch.zeros(1, 3, dtype=torch.long, device=device))
            (gradient,) = torch.autograd.grad(sum(o.sum() for o in outputs.values()), states)
    finally:
        handle.remove()
        encoder.model.train(training)
    return not gradient[:, 1:].any()
