"""Padding-free encoding: only real tokens are computed between embeddings and head.

It works by forward hooks on stock models. After the embeddings the real tokens of a batch are gathered into
one row of hidden states (1, tokens, hidden). Attention, registered with `transformers`, takes them apart into
groups of examples of like length. After the encoder they return to (examples, length, hidden): poolers and
heads see no difference. On a CPU the first token of every example leads the row. Rotary positions that a
model passes to its layers are gathered in the same way.

A model is encoded without padding only if it then gives the same results: see `benchmark.models.verification`.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import AttentionInterface

from benchmark.models import verification
from benchmark.models.architecture import Encoder, on_input, on_output
from benchmark.models.attention import attention
from benchmark.models.grouped_layout import GroupedLayout, grouped
from benchmark.models.lined_up_layout import lined_up
from benchmark.models.packed_layout import PackedLayout

log = logging.getLogger(__name__)

ATTENTION = "packed"
ROTARY = "position_embeddings"  # cosines and sines (1 or examples, length, size), as layers get them by name


class Packing:
    """The forward hooks on one model.

    ``layout`` is that of the current pass, None outside of one. With ``first_only`` the last layer computes
    only the first token of each example after its attention. This is used if the head reads no other token
    and no probe or method looks at the hidden states.
    """

    def __init__(self, encoder: Encoder, embeddings: nn.Module, stack: nn.Module) -> None:
        self.layout: PackedLayout | None = None
        self.known: list[tuple[torch.Tensor, PackedLayout]] = []
        self.first_only = False
        self.modules = list(stack.modules())
        self.handles: list[RemovableHandle] = [
            encoder.base.register_forward_pre_hook(self._arrive, with_kwargs=True),
            on_output(embeddings, self._pack),
            encoder.base.register_forward_hook(self._leave, always_call=True),
            *(layer.register_forward_pre_hook(self._turn, with_kwargs=True) for layer in encoder.layers),
        ]
        self.end = encoder.layers[-1] if isinstance(stack, nn.ModuleList) else None
        self.ending = (
            stack.register_forward_hook(self._unpack)
            if self.end is None
            else on_output(self.end, self._unpack_states)
        )
        for module in self.modules:
            module.packing = self  # type: ignore[assignment]  # attention finds the layout here
        self.last = attention_block(encoder.layers[-1])
        if self.last is not None:
            self.handles += [
                on_input(self.last.self.query, self._asked),
                on_output(self.last.self.query, self._filled_up),
                self.last.output.register_forward_pre_hook(self._first_of_all),
            ]

    def remove(self) -> None:
        """Take the hooks off the model."""
        for handle in (*self.handles, self.ending):
            handle.remove()
        for module in self.modules:
            del module.packing

    def of(self, mask: torch.Tensor) -> PackedLayout:
        """The layout of ``mask``, kept for further passes over the same batch."""
        for known, layout in self.known:
            if known is mask:
                return layout
        self.known = [(mask, layout_of(mask))]
        return self.known[0][1]

    def expect(self, mask: torch.Tensor, layout: PackedLayout) -> None:
        """Set the ``layout`` of the next batch, with this ``mask``.

        A layout made from the host's copy of the mask avoids waiting for the device.
        """
        self.known = [(mask, layout)]

    def doubled(self, mask: torch.Tensor) -> torch.Tensor:
        """The mask of the batch of ``mask`` followed by the same batch.

        The model must receive this very tensor: its layout is found by the tensor's identity.
        """
        layout = self.of(mask).doubled()
        doubled = torch.cat([mask, mask])
        self.known.append((doubled, layout))
        return doubled

    def _arrive(self, _: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        mask = named.get("attention_mask", positional[1] if len(positional) > 1 else None)
        self.layout = None if mask is None else self.of(mask)
        if self.end is not None:  # after temporary hooks, which see packed states at every layer
            self.ending.remove()
            self.ending = on_output(self.end, self._unpack_states)

    def _pack(self, states: torch.Tensor) -> torch.Tensor:
        return states if self.layout is None else self.layout.pack(states)

    def _unpack(self, _: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        if self.layout is not None:
            states = output["last_hidden_state"]
            alone = self.first_only and self.last is not None
            output["last_hidden_state"] = (self.layout.of_examples if alone else self.layout.unpack)(states)
        return output

    def _unpack_states(self, states: torch.Tensor) -> torch.Tensor:
        return states if self.layout is None else self.layout.unpack(states)

    def _leave(self, *_: Any) -> None:
        self.layout = None

    def _turn(self, _: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Gather rotary positions as the tokens are."""
        if self.layout is None or ROTARY not in named:
            return None
        places = self.layout.tokens % self.layout.padded[1]
        return positional, named | {ROTARY: tuple(part[:1].index_select(1, places) for part in named[ROTARY])}

    def _asked(self, states: torch.Tensor) -> torch.Tensor:
        """The states from which queries are made.

        On a CPU these are first tokens alone, if the head reads no others.
        """
        return self._first(states) if isinstance(self.layout, GroupedLayout) else states

    def _first(self, states: torch.Tensor) -> torch.Tensor:
        if self.layout is None or not self.first_only:
            return states
        return self.layout.firsts(states)

    def _first_of_all(self, _: nn.Module, states: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(map(self._first, states))

    def _filled_up(self, queries: torch.Tensor) -> torch.Tensor:
        """Add zeros in place of queries that are not computed, to keep the shape."""
        if not isinstance(self.layout, GroupedLayout) or not self.first_only:
            return queries
        return self.layout.spread(queries.squeeze(0)).unsqueeze(0)


def install(encoder: Encoder, cache: Path | None = None) -> Packing | None:
    """Make the model of ``encoder`` compute without padding.

    Returns None for a model that needs padding inside, or whose results change without it. ``cache`` keeps
    the results of this check.
    """
    parts = _parts(encoder)
    if parts is None:
        return None
    before, packing, reason = encoder.model.config._attn_implementation, None, "other results"
    if before == ATTENTION:  # from the configuration of a model that was packed before
        before = "sdpa"
        encoder.model.set_attn_implementation(before)
    key = verification.key(encoder)
    same = verification.known(key, cache)
    try:
        check = verification.Check(encoder) if same is None else None
        AttentionInterface.register(ATTENTION, attention)
        encoder.model.set_attn_implementation(ATTENTION)
        packing = Packing(encoder, *parts)
        first_only = packing.last is not None and packing.end is None and reads_first_only(encoder, parts[1])
        holds = check is None or check.holds()
        packing.first_only = first_only
        if check is not None:
            same = holds and (not first_only or check.outputs_hold())
            if check.finite():  # errors are not kept either: a method's hook may have raised them
                verification.keep(key, same, cache)
    except Exception as error:  # architectures raise any type if packed tokens do not fit
        if isinstance(error, torch.OutOfMemoryError) or "deterministic" in str(error):
            raise  # an error of the device, not of the architecture
        same, reason = False, type(error).__name__
    if same:
        return packing
    if packing is not None:
        packing.remove()
    encoder.model.set_attn_implementation(before)
    log.info("%s is computed with its padding (without: %s)", type(encoder.model).__name__, reason)
    return None


def _parts(encoder: Encoder) -> tuple[nn.Module, nn.Module] | None:
    """The modules whose outputs are packed and unpacked; None for a model that does not have them.

    The second may be the list of layers itself: then the last one's output is unpacked.
    """
    children = list(encoder.base.children())
    embeddings = next((c for c in children if encoder.words in c.modules() and c is not encoder.words), None)
    stack = next((c for c in children if encoder.layers[0] in c.modules()), None)
    if embeddings is None or stack is None or not encoder.model._supports_sdpa:
        return None
    return embeddings, stack


def layout_of(attention_mask: torch.Tensor, device: torch.device | None = None) -> PackedLayout:
    """Make the layout of a batch on ``device``.

    ``attention_mask`` (examples, length) is 1 at real tokens.
    """
    device = attention_mask.device if device is None else device
    real = attention_mask.cpu().numpy().astype(bool)
    return grouped(real) if device.type == "cpu" else lined_up(real).on(device)


def attention_block(layer: nn.Module) -> Any:
    """The part of ``layer`` that joins attention and residual in BERT's family.

    None in other families.
    """
    return next(
        (m for m in layer.modules() if hasattr(m, "output") and hasattr(getattr(m, "self", None), "query")),
        None,
    )


def reads_first_only(encoder: Encoder, stack: nn.Module) -> bool:
    """True if the model's head reads the first token's state and no other.

    The gradient of its outputs shows this.
    """
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
