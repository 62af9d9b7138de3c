"""A further pass and the clean one as one doubled batch, with one forward.

Both passes share the backward too. With small models, and on GPUs, starting an operation takes as long as
computing it. The doubled batch contains the batch twice, one half after the other; each half draws the
dropout that it would draw alone.
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
    """A pass over the batch of a step beside the clean one.

    ``dropout`` is drawn from the stream called ``name``. ``hang`` puts a change on some place of the model
    for a while (`input_changed` or `output_changed` of a module); ``change`` is the change of this pass.
    ``of_clean``: in a doubled batch it is given the clean pass's state at that place, not this pass's own.
    """

    dropout: str
    name: str
    change: Change = unchanged
    hang: Callable[[Change], AbstractContextManager[None]] = lambda _: nullcontext()
    of_clean: bool = False


def second_half(further: FurtherPass) -> Change:
    """The change of a doubled state, whose second half is that of ``further``."""

    def changed(state: torch.Tensor) -> torch.Tensor:
        first, second = halves(state)
        return torch.cat([first, further.change(first if further.of_clean else second)], _axis(state))

    return changed


def halves(state: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Split a doubled state into its halves.

    States are logits (items, classes), embeddings (examples, …) or packed hidden states (1, tokens, hidden).
    """
    return state.chunk(2, _axis(state))


def _axis(state: torch.Tensor) -> int:
    return 1 if len(state) == 1 else 0  # a doubled batch has two examples at least
