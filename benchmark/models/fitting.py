"""Checks that configuration, tokenizer and weights of a checkpoint fit together, before anything trains."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch
import transformers
from torch import nn
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.errors import BenchmarkError
from benchmark.models import verification
from benchmark.models.architecture import POOLER, Encoder, encoder_of
from benchmark.models.checkpoint import CONFIG, TOKENIZER, Checkpoint, in_short, is_pointer
from benchmark.models.vocabulary import rows_of

POSITIONS = re.compile(
    r"(^|\.)(wpe|\w*positions?|\w*position\w*_embeddings?|\w*pos_emb\w*)$"
)  # a table's name
VOCABULARY = "tokenizer.json"
SOME, OTHER = "a", "b"  # texts whose tokens are not looked at
NAMED = 3  # weights in a message
COMPUTED = ("position_ids", "token_type_ids", "inv_freq", "masked_bias")  # once kept beside weights


def configuration(checkpoint: Checkpoint) -> Any:
    """The configuration of a checkpoint. Raises: BenchmarkError for one that `transformers` cannot read."""
    stated = checkpoint.json(CONFIG)
    # Without a model_type, transformers would guess it from the folder's name.
    if not isinstance(stated.get("model_type", checkpoint.id), str):
        raise checkpoint.refusal(CONFIG, "has no model_type, such as 'bert'")
    if "quantization_config" in stated:
        raise checkpoint.refusal(CONFIG, "quantization_config: quantised weights cannot be fine-tuned")
    try:
        return AutoConfig.from_pretrained(checkpoint.folder, trust_remote_code=False)
    except Exception as error:  # many types: unknown architectures, values that do not fit, remote code
        raise unusable(checkpoint, stated, error) from error


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
        raise checkpoint.refusal("", f"its tokenizer cannot be loaded ({in_short(error)})") from error
    _check_vocabulary(checkpoint, loaded, model)
    _pad(checkpoint, loaded, model)
    if pairs:
        _check_segments(checkpoint, loaded, model)
    loaded.model_max_length = min(loaded.model_max_length, positions(model) or loaded.model_max_length)
    return loaded


def skeleton(checkpoint: Checkpoint, config: Any, head: str = "AutoModel") -> PreTrainedModel:
    """The model of a configuration without memory for its weights.

    ``head`` is a class of `transformers`. Raises: BenchmarkError for a configuration from which no model can
    be made.
    """
    kinds = getattr(transformers, head)._model_mapping
    if type(config) not in kinds:
        raise checkpoint.refusal(CONFIG, f"model_type {config.model_type!r} has no {head} in transformers")
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return getattr(transformers, head).from_config(config, trust_remote_code=False)
    except Exception as error:  # architectures raise any type for sizes that do not fit
        raise checkpoint.refusal(CONFIG, f"no model can be made of it ({in_short(error)})") from error


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


def check_weights(checkpoint: Checkpoint, model: PreTrainedModel, loading: dict[str, Any]) -> list[str]:
    """Check that a checkpoint had every weight of its encoder.

    ``loading`` is the loading information of `transformers`.

    Returns the names of weights that were drawn: the head's, and the pooler's if it had none.
    Raises: BenchmarkError naming a weight that is missing, left over, of another size, or not finite.
    """
    encoder = encoder_of(model)

    def is_encoder(name: str) -> bool:
        return not encoder.in_head(name) and not encoder.in_pooler(name)

    files = ", ".join(path.name for path in checkpoint.weights()[:NAMED])
    sizes = {name: sizes for name, *sizes in sorted(loading["mismatched_keys"])}
    for name, (has, needs) in sizes.items():
        if is_encoder(name):
            raise checkpoint.refusal(
                files,
                f"{name} is {tuple(has)} there, and {tuple(needs)} by {CONFIG}; one of them belongs to another model",
            )
    missing = sorted(loading["missing_keys"])
    if lost := [name for name in missing if is_encoder(name)]:
        unknown = sorted(loading["unexpected_keys"])
        instead = f" (it has {', '.join(unknown[:NAMED])}, which this model has not)" if unknown else ""
        raise checkpoint.refusal(files, f"has no {_listed(lost)}{instead}")
    if unused := unused_of(encoder, loading["unexpected_keys"]):
        raise checkpoint.refusal(
            files, f"has {_listed(unused)}, and the model of {CONFIG} has no place for it"
        )
    drawn = [*missing, *sizes]
    for name, parameter in model.named_parameters():
        if name not in drawn and not parameter.detach().sum().isfinite():
            raise checkpoint.refusal(files, f"{name} has values that are not finite (NaN or infinite)")
    return sorted(drawn)


def unused_of(encoder: Encoder, unexpected: Iterable[str]) -> list[str]:
    """The weights of the checkpoint's encoder for which the model has no place.

    Pretraining heads, a pooler and tables that the model computes itself may be left over.
    """
    parts = {name for name, _ in encoder.base.named_children()} - {POOLER}
    places = [(name, name.removeprefix(encoder.prefix).split(".")) for name in unexpected]
    return sorted(name for name, place in places if place[0] in parts and place[-1] not in COMPUTED)


def check_computes(checkpoint: Checkpoint, model: PreTrainedModel) -> None:
    """Check that a model computes a batch of texts. Raises: BenchmarkError with the model's own error."""
    try:
        with torch.no_grad():
            model.eval()(**verification.texts(encoder_of(model), verification.LENGTHS))
    except Exception as error:  # an architecture may need further inputs, and raises any type without them
        name = type(model).__name__
        raise checkpoint.refusal(
            CONFIG, f"{name} cannot compute a batch of texts ({in_short(error)})"
        ) from error


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


def unusable(checkpoint: Checkpoint, stated: dict[str, Any], error: Exception) -> BenchmarkError:
    """The error for a configuration that `transformers` refuses."""
    if "auto_map" in stated:
        return checkpoint.refusal(CONFIG, "needs code of its own (auto_map), which is not run")
    if stated.get("model_type") not in transformers.CONFIG_MAPPING:
        version = f"transformers {transformers.__version__}"
        return checkpoint.refusal(
            CONFIG, f"model_type {stated.get('model_type')!r} is not known to {version}"
        )
    return checkpoint.refusal(
        CONFIG, f"does not fit its model_type {stated['model_type']!r} ({in_short(error)})"
    )


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


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
