"""The configuration of a checkpoint, and the skeleton of its model."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import torch
import transformers
from torch import nn
from transformers import AutoConfig, PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.models.checkpoint import CONFIG, Checkpoint, in_short
from benchmark.models.config_values import problem, spelt, uneven, zero

# Values that change how a model computes or what it returns, never its result; set as needed here.
SWITCHES: dict[str, Any] = {
    "attn_implementation": None,  # the usual one: packed attention takes its place where it can
    "chunk_size_feed_forward": 0,  # above 0 it saves memory, but fails for most lengths
    "gradient_checkpointing": False,  # layers computed again would draw other masks, and find no packed layout
    "output_attentions": False,
    "output_hidden_states": False,
    "return_dict": True,
    "use_cache": False,  # keys and values of past tokens, for models that write
}
IGNORED = {  # by key, what a file may state; transformers does nothing else, and says nothing
    "pruned_heads": (None, {}),
    "position_embedding_type": (None, "absolute"),
}


def configuration(checkpoint: Checkpoint) -> Any:
    """The configuration of a checkpoint, with `SWITCHES` set.

    Raises: BenchmarkError for one that `transformers` cannot read, or for a value that no model can have.
    """
    stated = checkpoint.json(CONFIG)
    # Without a model_type, transformers would guess it from the folder's name.
    if not isinstance(stated.get("model_type", checkpoint.id), str):
        raise checkpoint.refusal(CONFIG, "has no model_type, such as 'bert'")
    if stated.get("quantization_config") is not None:
        raise checkpoint.refusal(CONFIG, "quantization_config: quantised weights cannot be fine-tuned")
    try:
        config = AutoConfig.from_pretrained(checkpoint.folder, trust_remote_code=False, **SWITCHES)
        config._attn_implementation = None  # a file may state it under this name too
    except Exception as error:  # many types: unknown architectures, values that do not fit, remote code
        raise _unusable(checkpoint, stated, error) from error
    if (wrong := problem(stated, config) or _unheard(stated, config)) is not None:
        raise checkpoint.refusal(CONFIG, wrong)
    return config


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
            # A model keeps its configuration, and changes it.
            model = getattr(transformers, head).from_config(copy.deepcopy(config), trust_remote_code=False)
    except Exception as error:  # architectures raise any type for sizes that do not fit
        reason = uneven(config) or f"no model can be made of it ({in_short(error)})"
        raise checkpoint.refusal(CONFIG, reason) from error
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and not module.num_embeddings:
            raise checkpoint.refusal(CONFIG, f"{zero(config)}: its table {name} has no rows")
    return model


def _unheard(stated: dict[str, Any], config: Any) -> str | None:
    """The problem with a stated value that `transformers` would not obey."""
    for key, harmless in IGNORED.items():
        if stated.get(key) not in harmless and key not in type(config).__dataclass_fields__:
            valid = ", ".join(map(json.dumps, harmless))
            return (
                f"{spelt(key, stated[key])}: {_version()} would ignore it for {config.model_type!r}, and compute "
                f"another model (valid: {valid})"
            )
    return None


def _unusable(checkpoint: Checkpoint, stated: dict[str, Any], error: Exception) -> BenchmarkError:
    """The error for a configuration that `transformers` refuses."""
    if "auto_map" in stated:
        return checkpoint.refusal(CONFIG, "needs code of its own (auto_map), which is not run")
    name = stated.get("model_type", "")
    if name not in transformers.CONFIG_MAPPING:
        return checkpoint.refusal(CONFIG, f"model_type {name!r} is not known to {_version()}")
    kind = transformers.CONFIG_MAPPING[name]
    for key in stated:
        with suppress(Exception):
            kind.from_dict({other: value for other, value in stated.items() if other != key})
            return checkpoint.refusal(CONFIG, _unfit(kind, key, stated[key], error))
    return checkpoint.refusal(CONFIG, f"does not fit its model_type {name!r} ({in_short(error)})")


def _unfit(kind: Any, key: str, value: Any, error: Exception) -> str:
    """The problem with the one value without which a configuration can be read."""
    line = f"{spelt(key, value)} does not fit its model_type {kind.model_type!r}"
    field = kind.__dataclass_fields__.get(key)
    if field is None or f"'{key}'" not in str(error):
        return f"{line} ({in_short(error)})"
    return f"{line}: must be of the type {getattr(field.type, '__name__', field.type)}"


def _version() -> str:
    return f"transformers {transformers.__version__}"
