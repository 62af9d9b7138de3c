"""Word dropout: leave out a share of the words of every training pass.

Iyyer et al., "Deep Unordered Composition Rivals Syntactic Methods for Text Classification", ACL 2015, section 3: the
embedding x_t of token t, as a whole, becomes

    r_t x_t,    r_t ~ Bernoulli(1 - p),

drawn anew in every pass. Bowman et al., "Generating Sentences from a Continuous Space", CoNLL 2016, put the
token for unknown words in its place; a pretrained encoder has a better replacement, the mask token (``by:
mask``). Positions and segments stay, and special tokens are never left out. Cutoff (Shen et al. 2020) is
another method: it hides tokens from attention as well, and adds a term of consistency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context
from benchmark.methods.common.pass_noise import PassNoise
from benchmark.models import special_tokens
from benchmark.models.architecture import on_input

REPLACEMENTS = ("zero", "mask")


@dataclass
class WordDropout(PassNoise):
    """Replace every word with probability ``rate``, in training only.

    ``by`` chooses the replacement: ``zero``, an embedding of zeros, or ``mask``, the mask token.
    """

    paper: ClassVar[str] = "Iyyer et al., ACL 2015; Bowman et al., CoNLL 2016 (mask)"
    cost: ClassVar[str] = "a draw per token"
    neutral: ClassVar[dict[str, Any] | None] = {"rate": 0.0}
    not_captured = ""
    constant: ClassVar[tuple[str, ...]] = ("words",)

    rate: float = 0.1
    by: str = "zero"

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise BenchmarkError(f"rate={self.rate}: a probability must be between 0 and 1")
        if self.by not in REPLACEMENTS:
            raise unknown("by", self.by, REPLACEMENTS)

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        super().attach(model, context)
        if not self.rate:
            return
        tokens, words = special_tokens.noted(model), context.encoder.words
        table = next(words.parameters())
        may = torch.ones(len(table), dtype=torch.bool)
        may[[number for number in tokens.ids if number < len(table)]] = False
        self.words = may.to(table.device)  # by token: False for a special one
        if self.by == "zero":
            words.register_forward_hook(self.zeroed, with_kwargs=True)
            return
        mask = tokens.mask
        if mask is None:
            raise BenchmarkError("by=mask: the model's tokenizer has no mask token; valid: zero")
        on_input(words, lambda ids: ids.masked_fill(self.dropped(ids), mask) if words.training else ids)

    def zeroed(
        self, words: nn.Module, positional: tuple[Any, ...], named: dict[str, Any], state: torch.Tensor
    ) -> torch.Tensor:
        """Embeddings (…, units) with zeros where a token of ``words``' input (…) is dropped."""
        ids = (*positional, *named.values())[0]
        return state.masked_fill(self.dropped(ids)[..., None], 0.0) if words.training else state

    def dropped(self, ids: torch.Tensor) -> torch.Tensor:
        """True at the tokens to replace, in the shape of ``ids``."""
        return (self.draw(ids, self.stream_on(ids.device)) < self.rate) & self.words[ids]

    def draw(self, ids: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """U[0, 1) of the shape of ``ids``, float32 on its device."""
        return torch.rand(ids.shape, generator=rng, device=ids.device)
