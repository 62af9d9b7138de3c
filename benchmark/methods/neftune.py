"""NEFTune: uniform noise on the word embeddings of every training pass.

Jain et al., "NEFTune: Noisy Embeddings Improve Instruction Finetuning", ICLR 2024, Algorithm 1. To the embeddings of an
example of L tokens, d units each,

    X <- X + alpha / sqrt(L d) * U(-1, 1),

drawn anew in every pass, before positions and normalisation. L is each example's own length, as in the authors' code;
in transformers (`neftune_noise_alpha`) it is that of the padded batch, so that a short example gets less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context
from benchmark.methods.common.pass_noise import PassNoise
from benchmark.models.architecture import length_first, on_output


@dataclass
class NEFTune(PassNoise):
    """Add noise of strength ``alpha`` to word embeddings, in training only."""

    paper: ClassVar[str] = "Jain et al., ICLR 2024"
    cost: ClassVar[str] = "a draw per unit of the word embeddings"
    neutral: ClassVar[dict[str, Any] | None] = {"alpha": 0.0}
    not_captured = ""
    leaves_words_alone = True
    constant: ClassVar[tuple[str, ...]] = ("mask",)

    alpha: float = 5.0

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise BenchmarkError(
                f"alpha={self.alpha}: the strength of the noise must be a number of at least 0"
            )

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        super().attach(model, context)
        self.mask: torch.Tensor | None = None
        self.length_first = length_first(context.encoder)
        if self.alpha:
            words = context.encoder.words
            model.register_forward_pre_hook(self.see, with_kwargs=True)
            on_output(words, lambda state: self.noised(state) if words.training else state)

    def see(self, _: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Note which tokens of a pass are real: (examples, length); None: all."""
        self.mask = named.get("attention_mask", positional[1] if len(positional) > 1 else None)

    def noised(self, state: torch.Tensor) -> torch.Tensor:
        """Add noise to embeddings (examples, length, units); in XLNet the length comes first."""
        mask = self.mask
        if mask is None:
            mask = state.new_ones(state.shape[:2]).T if self.length_first else state.new_ones(state.shape[:2])
        lengths = mask.sum(1, dtype=torch.float32)
        sizes = self.alpha / (lengths * state.shape[-1]).sqrt()
        sizes = sizes[None, :, None] if self.length_first else sizes[:, None, None]
        return state + (sizes * self.draw(state, self.stream_on(state.device))).to(state.dtype)

    def draw(self, state: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """U(-1, 1) of the shape of ``state``, float32 on its device."""
        return 2 * torch.rand(state.shape, generator=rng, device=state.device) - 1
