"""The tokenizer of a checkpoint, and checks that it fits the model."""

from __future__ import annotations

import re
from typing import Any

from torch import nn
from transformers import AutoTokenizer, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.models.checkpoint import CONFIG, TOKENIZER, Checkpoint, in_short, is_pointer
from benchmark.models.config_values import spelt
from benchmark.models.configuration import configuration, skeleton
from benchmark.models.vocabulary import rows_of

POSITIONS = re.compile(
    r"(^|\.)(wpe|\w*positions?|\w*position\w*_embeddings?|\w*pos_emb\w*)$"
)  # a table's name
VOCABULARY, OPTIONS = "tokenizer.json", "tokenizer_config.json"
NO_LIMIT = int(1e30)  # tokens; as `transformers` says it
SOME, OTHER = "a", "b"  # texts whose tokens are not looked at


def tokenizer(checkpoint: Checkpoint, pairs: bool = False) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint, limited to the positions of its model.

    ``pairs``: it is for two texts per example. Raises: BenchmarkError if it does not fit the model.
    """
    if not checkpoint.has_tokenizer():
        raise checkpoint.lacking(f"has no tokenizer ({VOCABULARY}, or a vocabulary such as vocab.txt)")
    if pointers := [path for path in checkpoint.matching(*TOKENIZER) if is_pointer(path)]:
        raise checkpoint.unreadable(pointers[0], OSError())
    model = skeleton(checkpoint, configuration(checkpoint))
    try:
        loaded = AutoTokenizer.from_pretrained(checkpoint.folder, trust_remote_code=False)
    except Exception as error:  # many types, also of the tokenizers library
        for path in checkpoint.matching("*token*.json", "vocab.json"):
            checkpoint.json(path.name)
        for path in checkpoint.matching("*vocab*.txt", "merges.txt"):
            try:
                path.read_text(encoding="utf-8")
            except (OSError, ValueError) as damage:
                raise checkpoint.unreadable(path, damage) from error
        raise checkpoint.refusal("", f"its tokenizer cannot be loaded ({in_short(error)})") from error
    stated, loaded.model_max_length = loaded.model_max_length, NO_LIMIT
    _check_vocabulary(checkpoint, loaded, model)
    _pad(checkpoint, loaded, model)
    if pairs:
        _check_segments(checkpoint, loaded, model)
    loaded.model_max_length = _limit(checkpoint, loaded, stated, positions(model), 1 + pairs)
    return loaded


def positions(model: PreTrainedModel) -> int | None:
    """The tokens that a model has positions for; None if their number has no limit.

    RoBERTa's family numbers positions from the padding id on, which its embedding names.
    """
    stated = getattr(model.config, "max_position_embeddings", None)
    limits = [stated] if isinstance(stated, int) and stated > 0 else []
    tables = [
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and POSITIONS.search(name)
    ]
    rotary = any("rotary" in type(module).__name__.lower() for module in model.modules())
    return min(tables + limits) if tables or (rotary and limits) else None


def check_end(checkpoint: Checkpoint, config: Any) -> None:
    """Check that a tokenizer ends texts with the token that an encoder-decoder's head looks for.

    Raises: BenchmarkError if it does not.
    """
    end = getattr(config, "eos_token_id", None)
    if end not in tokenizer(checkpoint)("")["input_ids"]:
        raise checkpoint.refusal(
            VOCABULARY,
            f"its tokenizer ends no text with token {end}, by which the model finds the end (eos_token_id of {CONFIG})",
        )


def _limit(checkpoint: Checkpoint, loaded: Any, stated: Any, places: int | None, texts: int) -> int:
    """The tokens of an input at most: by its tokenizer, and by the positions of its model.

    Raises: BenchmarkError for a limit that is no number, or leaves no room for a word of each text.
    """
    least = loaded.num_special_tokens_to_add(pair=texts == 2) + texts
    number = isinstance(stated, int | float) and not isinstance(stated, bool)
    if not number or not stated >= least or (stated < NO_LIMIT and stated != int(stated)):
        raise checkpoint.refusal(
            OPTIONS,
            f"{spelt('model_max_length', stated)}: must be a whole number of tokens, at least {least}",
        )
    if places is not None and places < least:
        raise checkpoint.refusal(
            CONFIG, f"its model has positions for {places} tokens; an input needs at least {least}"
        )
    return int(min(stated, NO_LIMIT if places is None else places, NO_LIMIT))


def _check_vocabulary(checkpoint: Checkpoint, loaded: Any, model: PreTrainedModel) -> None:
    if not loaded.is_fast:
        raise checkpoint.refusal(
            "", f"its tokenizer, {type(loaded).__name__}, has no fast version: save one as {VOCABULARY}"
        )
    vocabulary = loaded.get_vocab()
    if not set(vocabulary) - set(loaded.all_special_tokens):
        raise checkpoint.refusal("", f"its tokenizer knows no word, only {len(vocabulary)} special tokens")
    rows = rows_of(model)
    # Every text has the special tokens. Other tokens beyond the embedding may never occur: see
    # `models/vocabulary.py`.
    encoded = _encoded(checkpoint, loaded)
    special = [n for n, word in zip(encoded["input_ids"], encoded.word_ids(), strict=True) if word is None]
    most = max([len(vocabulary), *(number + 1 for number in special)])
    if rows is not None and most > rows:
        raise checkpoint.refusal(
            VOCABULARY, f"its tokenizer has {most} tokens, and the model an embedding of {rows} ({CONFIG})"
        )


def _encoded(checkpoint: Checkpoint, loaded: Any) -> Any:
    """A pair of texts, encoded by a tokenizer."""
    try:
        return loaded(SOME, OTHER)
    except Exception as error:  # errors of the tokenizers library, for example if it lacks an unknown token
        raise checkpoint.refusal("", f"its tokenizer cannot read a text ({in_short(error)})") from error


def _pad(checkpoint: Checkpoint, loaded: Any, model: PreTrainedModel) -> None:
    """Give a tokenizer that has no padding token the one of its model."""
    if loaded.pad_token_id is not None:
        return
    number = getattr(model.config, "pad_token_id", None)
    token = None if number is None else loaded.convert_ids_to_tokens(number)
    if token is None:
        raise checkpoint.refusal(
            "", "its tokenizer has no padding token: set pad_token in tokenizer_config.json"
        )
    loaded.pad_token = token


def _check_segments(checkpoint: Checkpoint, loaded: Any, model: PreTrainedModel) -> None:
    segments = _encoded(checkpoint, loaded).get("token_type_ids", [0])
    kinds = getattr(model.config, "type_vocab_size", None)
    if kinds and max(segments) >= kinds:
        raise checkpoint.refusal(
            CONFIG,
            f"type_vocab_size={kinds}, and its tokenizer numbers the second text of a pair {max(segments)}; "
            "one of them belongs to another model",
        )
