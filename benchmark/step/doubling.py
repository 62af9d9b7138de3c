"""Two passes over one batch as one: how a further pass shares a forward, and so a backward, with the clean one.

Small models, and GPUs, take as long to start an operation as to compute it. The batch is there twice, one
half after the other; each half draws the dropout that it would draw alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from benchmark.models.architecture import Change


def unchanged(state: torch.Tensor) -> torch.Tensor:
    """``state`` itself."""
    return state


@dataclass(frozen=True)
class FurtherPass:
    """A pass over the batch of a step beside the clean one, with ``dropout`` from the stream called ``name``.

    ``hang`` puts a change on some place of the model while it lasts (`input_changed` or `output_changed` of
    a module); ``change`` is the one that this pass has there. Announced, it is given the clean pass's state.
    """

    dropout: str
    name: str
    change: Change = unchanged
    hang: Callable[[Change], AbstractContextManager[None]] = lambda _: nullcontext()


def second_half(change: Change) -> Change:
    """What puts ``change`` of the first half of a doubled state in the place of the second."""

    def changed(state: torch.Tensor) -> torch.Tensor:
        first, _ = halves(state)
        return torch.cat([first, change(first)], _axis(state))

    return changed


def halves(state: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The halves of logits (items, classes), embeddings (examples, …) or packed hidden states (1, tokens, hidden)."""
    return state.chunk(2, _axis(state))


def _axis(state: torch.Tensor) -> int:
    return 1 if len(state) == 1 else 0  # a doubled batch has two examples at least
