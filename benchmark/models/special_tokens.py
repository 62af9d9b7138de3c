"""Special tokens of a model's tokenizer, noted on the model for methods on words."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.errors import BenchmarkError


@dataclass(frozen=True)
class SpecialTokens:
    """The ids of all special tokens, and that of the mask token.

    Padding and the token of unknown words are among them; ``mask`` is None if the tokenizer has no such token.
    """

    ids: tuple[int, ...]
    mask: int | None = None


def note(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Note the special tokens of ``tokenizer`` on ``model``."""
    model.special_tokens = SpecialTokens(tuple(tokenizer.all_special_ids), tokenizer.mask_token_id)  # type: ignore[assignment]


def noted(model: PreTrainedModel) -> SpecialTokens:
    """The special tokens noted on ``model``. Raises: BenchmarkError if there are none."""
    tokens = getattr(model, "special_tokens", None)
    if not isinstance(tokens, SpecialTokens):
        raise BenchmarkError(
            f"{type(model).__name__}: its special tokens are not known (special_tokens.note)"
        )
    return tokens
