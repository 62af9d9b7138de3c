"""The places of real tokens in a padded batch, for computing without padding."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch


@dataclass
class PackedLayout:
    """The places of the real tokens of a padded batch of shape ``padded``.

    ``padded`` is (examples, length). ``tokens`` (tokens,) are their places in the flattened batch, in packed
    order; ``owner`` (tokens,) is the example of each. A doubled batch has two ``halves``, one after the
    other.
    """

    padded: tuple[int, int]
    tokens: torch.Tensor
    owner: torch.Tensor
    halves: int = field(default=1, kw_only=True)

    def pack(self, states: torch.Tensor) -> torch.Tensor:
        """(examples, length, hidden) -> (1, tokens, hidden)."""
        return states.flatten(0, 1).index_select(0, self.tokens).unsqueeze(0)

    def unpack(self, states: torch.Tensor) -> torch.Tensor:
        """(1, tokens, hidden) -> (examples, length, hidden), 0 at padding."""
        flat = states.new_zeros(self.padded[0] * self.padded[1], states.shape[-1])
        return flat.index_copy(0, self.tokens, states.squeeze(0)).view(*self.padded, -1)

    def largest(self, values: torch.Tensor) -> torch.Tensor:
        """The largest of ``values`` (1, tokens, hidden) in each token's example.

        Returns (1, tokens, 1).
        """
        by_token = values.amax(-1)[0]
        by_example = by_token.new_zeros(self.padded[0]).scatter_reduce(
            0, self.owner, by_token, "amax", include_self=False
        )
        return by_example[self.owner][None, :, None]

    def firsts(self, states: torch.Tensor) -> torch.Tensor:
        """(1, tokens, hidden) -> (1, firsts, hidden): the first token of every example."""
        raise NotImplementedError

    def of_examples(self, firsts: torch.Tensor) -> torch.Tensor:
        """(1, firsts, hidden) -> (examples, 1, hidden)."""
        return firsts.transpose(0, 1)

    def doubled(self) -> PackedLayout:
        """The layout of the batch followed by the same batch."""
        raise NotImplementedError
