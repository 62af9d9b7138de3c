"""Attention over packed tokens, within each example, in groups of like length."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmark.models import masks
from benchmark.models.grouped_layout import GroupedLayout, GroupIndices
from benchmark.models.lined_up_layout import LinedUpLayout

FLASH, EFFICIENT = "flash", "memory-efficient"  # PyTorch's names of its kernels
ALIGNED = 8  # the kernels need a head size that is a multiple of this
NO_MASK = 0
FAR = -1e9  # finite: a place of padding may have no other place in its window


def attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each example; ``query``, ``key``, ``value`` are (1, heads, tokens, size).

    With ``sliding_window`` a token attends to those less than so many tokens away. Returns (1, tokens, heads,
    size) and None. Outside a packed pass every row of the batch attends to all of itself.

    Raises: NotImplementedError for a window where the kernels have none.
    """
    packing: Any = module.packing  # a `benchmark.models.packing.Packing`
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    if packing.layout is None:
        far = None if sliding_window is None else outside(sliding_window, key.shape[2]).to(query)
        full = functional.scaled_dot_product_attention(query, key, value, far, dropout, scale=scaling)
        return full.transpose(1, 2), None
    q, k, v = (state.transpose(1, 2) for state in (query, key, value))
    if isinstance(packing.layout, LinedUpLayout):
        if sliding_window is not None:
            raise NotImplementedError("the kernels for packed tokens know no sliding window")
        return by_kernel(q, k, v, packing.layout, dropout, scaling), None
    first_only = packing.first_only and packing.last is not None and module is packing.last.self
    q, k, v = q.squeeze(0), k.squeeze(0), v.squeeze(0)
    return _Attention.apply(q, k, v, packing.layout, first_only, dropout, scaling, sliding_window).unsqueeze(
        0
    ), None


def by_kernel(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: LinedUpLayout,
    dropout: float,
    scaling: float,
) -> torch.Tensor:
    """Attend by PyTorch's kernels for sequences of unlike length.

    States are (1, tokens, heads, size). The kernel draws dropout. The operators are PyTorch's own and not
    public: tests compare them with padded attention.
    """
    size = query.shape[-1]
    if size % ALIGNED:
        query, key, value = (functional.pad(s, (0, -size % ALIGNED)) for s in (query, key, value))
    begins, longest = layout.offsets, layout.longest
    if kernel(query.dtype) == FLASH:
        q, k, v = query.squeeze(0), key.squeeze(0), value.squeeze(0)
        states = torch.ops.aten._flash_attention_forward(
            q,
            k,
            v,
            begins,
            begins,
            longest,
            longest,
            dropout,
            is_causal=False,
            return_debug_mask=False,
            scale=scaling,
        )[0].unsqueeze(0)
    else:
        states = torch.ops.aten._efficient_attention_forward(
            query, key, value, None, begins, begins, longest, longest, dropout, NO_MASK, True, scale=scaling
        )[0]
    return states[..., :size] if size % ALIGNED else states


def name(device: torch.device, precision: str, packed: bool) -> str:
    """The implementation of attention of a run, as named in its record."""
    if not packed:
        return "padded"
    if device.type == "cpu":
        return "grouped"
    return kernel(torch.bfloat16 if precision == "bfloat16" else torch.float32)


def kernel(dtype: torch.dtype) -> str:
    """The kernel of attention over packed states on a GPU."""
    return FLASH if dtype in (torch.bfloat16, torch.float16) else EFFICIENT


class _Attention(torch.autograd.Function):
    """softmax(scaling q k') v within every example, with dropout on the weights.

    States are (tokens, heads, size). With ``first_only`` only first tokens have a result; the others get 0.
    With ``window`` the weights of tokens so far away or farther are 0.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        layout: GroupedLayout,
        first_only: bool,
        dropout: float,
        scaling: float,
        window: int | None,
    ) -> torch.Tensor:
        heads = query.shape[1]
        asking, every = layout.indices(heads, first_only), layout.indices(heads)
        q, k, v = _taken(query, asking).mul_(scaling), _taken(key, every), _taken(value, every)
        attended = torch.empty_like(q)
        saved: list[torch.Tensor | None] = []
        parts = zip(
            layout.groups,
            *(_grouped(state, layout, heads, first_only) for state in (q, attended)),
            *(_grouped(state, layout, heads) for state in (k, v)),
            strict=True,
        )
        for group, gq, result, gk, gv in parts:
            scores = torch.bmm(gq, gk.transpose(1, 2))
            if group.bias is not None:
                scores.view(heads, group.examples, -1, group.length).add_(group.bias)
            if window is not None and window < group.length:
                scores.add_(outside(window, group.length)[: scores.shape[1]])
            weights = torch.softmax(scores, -1)
            mask = None
            if dropout:  # draws for all tokens: the first ones get the same mask with and without first_only
                shape = (len(gk), group.length, group.length)
                mask = masks.mask(shape, 1 - dropout, group.half)[:, : weights.shape[1]]
            torch.bmm(weights if mask is None else mask.to(weights.dtype).mul_(weights), gv, out=result)
            saved += [weights, mask]
        ctx.save_for_backward(q, k, v, *saved)
        ctx.layout, ctx.first_only, ctx.scaling, ctx.kept = layout, first_only, scaling, 1 - dropout
        return _put(attended, asking, layout, heads).mul_(1 / ctx.kept)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v, *saved = ctx.saved_tensors
        layout, heads = ctx.layout, gradient.shape[1]
        asking, every = layout.indices(heads, ctx.first_only), layout.indices(heads)
        above = _taken(gradient, asking).mul_(1 / ctx.kept).index_fill_(0, asking.padding, 0)
        to_q, to_k, to_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        parts = zip(
            *(_grouped(state, layout, heads, ctx.first_only) for state in (q, above, to_q)),
            *(_grouped(state, layout, heads) for state in (k, v, to_k, to_v)),
            saved[::2],
            saved[1::2],
            strict=True,
        )
        for gq, g, grad_q, gk, gv, grad_k, grad_v, weights, mask in parts:
            to_weights = torch.bmm(g, gv.transpose(1, 2))
            used = weights
            if mask is not None:
                used = mask.to(weights.dtype)
                to_weights *= used
                used *= weights
            to_scores = torch._softmax_backward_data(to_weights, weights, -1, weights.dtype)
            torch.bmm(to_scores, gk, out=grad_q)
            torch.bmm(to_scores.transpose(1, 2), gq, out=grad_k)
            torch.bmm(used.transpose(1, 2), g, out=grad_v)
        to_q *= ctx.scaling
        gradients = (
            _put(rows, there, layout, heads) for rows, there in ((to_q, asking), (to_k, every), (to_v, every))
        )
        return (*gradients, None, None, None, None, None)


def outside(window: int, length: int) -> torch.Tensor:
    """(length, length): FAR for tokens ``window`` or more apart, else 0."""
    places = torch.arange(length)
    return ((places[:, None] - places).abs() >= window) * FAR


def _taken(states: torch.Tensor, indices: GroupIndices) -> torch.Tensor:
    """(tokens, heads, size) -> (rows of all groups, size)."""
    return states.reshape(-1, states.shape[-1]).index_select(0, indices.take)


def _put(rows: torch.Tensor, indices: GroupIndices, layout: GroupedLayout, heads: int) -> torch.Tensor:
    """(rows of all groups, size) -> (tokens, heads, size).

    Tokens outside all groups get 0.
    """
    states = rows.index_select(0, indices.put).view(-1, heads, rows.shape[-1])
    return layout.spread(states) if len(states) < len(layout.tokens) else states


def _grouped(
    rows: torch.Tensor, layout: GroupedLayout, heads: int, first_only: bool = False
) -> list[torch.Tensor]:
    """Split (rows of all groups, size) into views, one per group.

    Each is (heads * examples, length, size).
    """
    shapes = [(heads * g.examples, 1 if first_only else g.length) for g in layout.groups]
    parts = rows.split([examples * length for examples, length in shapes])
    return [part.view(*shape, -1) for part, shape in zip(parts, shapes, strict=True)]
