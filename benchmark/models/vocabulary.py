"""The rows of a model's token embedding, and texts whose tokens it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.errors import BenchmarkError
from benchmark.models.checkpoint import CONFIG


def rows_of(model: PreTrainedModel) -> int | None:
    """The rows of the token embedding; None for a model without one table."""
    try:
        return getattr(model.get_input_embeddings(), "num_embeddings", None)
    except NotImplementedError:
        return None


def check_tokens(
    name: str,
    tokenizer: PreTrainedTokenizerBase,
    model: PreTrainedModel,
    texts: Callable[[], Mapping[str, Iterable[torch.Tensor]]],
) -> None:
    """Check that no text has a token beyond the embedding of the model ``name``.

    ``texts()`` are the token ids (tokens,) of every example, by set. They are looked at only if the vocabulary has
    such numbers. Raises: BenchmarkError naming set, example and token.
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
