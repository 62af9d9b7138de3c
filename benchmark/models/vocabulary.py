"""Checks of texts for tokens that a model cannot take: beyond its embedding, or end tokens within a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.errors import BenchmarkError
from benchmark.models.checkpoint import CONFIG

Texts = Callable[[], Mapping[str, Iterable[torch.Tensor]]]  # the token ids (tokens,) of every example, by set


def rows_of(model: PreTrainedModel) -> int | None:
    """The rows of the token embedding; None for a model without one table."""
    try:
        return getattr(model.get_input_embeddings(), "num_embeddings", None)
    except NotImplementedError:
        return None


def check_texts(name: str, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, texts: Texts) -> None:
    """Check that a model can take all texts. Raises: BenchmarkError naming set and example."""
    check_tokens(name, tokenizer, model, texts)
    check_end_tokens(name, tokenizer, model, texts)


def check_tokens(name: str, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, texts: Texts) -> None:
    """Check that no text has a token beyond the embedding of the model ``name``.

    Texts are checked only if the vocabulary is larger than the embedding. Raises: BenchmarkError naming set,
    example and token.
    """
    rows = rows_of(model)
    if rows is None or max(tokenizer.get_vocab().values()) < rows:
        return
    for place, examples in texts().items():
        for number, ids in enumerate(examples, 1):
            if int(ids.max()) >= rows:
                token = tokenizer.convert_ids_to_tokens(int(ids.max()))
                raise BenchmarkError(
                    f"model {name!r}: example {number} of {place} has the token {token!r}, number {int(ids.max())} of "
                    f"its tokenizer, and the model an embedding of {rows} ({CONFIG})"
                )


def check_end_tokens(
    name: str, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, texts: Texts
) -> None:
    """Check that all texts have equally many end tokens, for an encoder-decoder.

    Its classifier finds the end of a text by them. Raises: BenchmarkError naming set and example.
    """
    if not (model.config.is_encoder_decoder and type(model).__name__.endswith("ForSequenceClassification")):
        return
    end, first = model.config.eos_token_id, None
    for place, examples in texts().items():
        for number, ids in enumerate(examples, 1):
            count = int((ids == end).sum())
            first = count if first is None else first
            if count != first:
                raise BenchmarkError(
                    f"model {name!r}: example {number} of {place} has {count} times the token "
                    f"{tokenizer.convert_ids_to_tokens(end)!r}, and the first example {first} times; this model finds the end "
                    "of a text by it: take it out of the texts"
                )
