"""Values of a configuration that no model can have. `transformers` checks types, and hardly any range."""

from __future__ import annotations

import json
import re
from typing import Any

from transformers.activations import ACT2FN

from benchmark.errors import nearest

# By standard name; architectures have names of their own for them.
SIZES = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
)
PROBABILITY = re.compile("drop")
NOT_NEGATIVE = re.compile(r"(^|_)eps(ilon)?$|^initializer_range$|^type_vocab_size$")
ACTIVATION = re.compile(r"(^|_)act(ivation)?(_fn|_function)?$")
TABLE = re.compile("vocab|position")  # sizes of a table


def problem(stated: dict[str, Any], config: Any) -> str | None:
    """The first value of a file that is out of its range, with the range; None if there is none.

    ``config`` is the configuration that was read from the file's values, ``stated``.
    """
    sizes = {*SIZES, *(_own(config, name) for name in SIZES)}
    for key, value in stated.items():
        if (range_ := _outside(key, value, sizes)) is not None:
            return f"{spelt(key, value)}: must be {range_}"
    padding, tokens = stated.get("pad_token_id"), getattr(config, "vocab_size", None)
    if isinstance(padding, int) and isinstance(tokens, int) and not 0 <= padding < tokens:
        return (
            f"{spelt('pad_token_id', padding)}: must be a token of the vocabulary, 0 to {tokens - 1}, or null"
        )
    if getattr(config, "add_cross_attention", False):
        return "add_cross_attention=true: its layers read another model's states, and a text has none; must be false"
    return None


def spelt(key: str, value: Any) -> str:
    """A key and its value, as a file has them."""
    return f"{key}={json.dumps(value, ensure_ascii=False)}"


def uneven(config: Any) -> str | None:
    """The problem with a size that its attention heads cannot share evenly."""
    size, heads = (getattr(config, name, None) for name in ("hidden_size", "num_attention_heads"))
    if not isinstance(size, int) or not isinstance(heads, int) or size % heads == 0:
        return None
    return (
        f"{_own(config, 'hidden_size')}={size}: must be a multiple of {_own(config, 'num_attention_heads')}"
        f"={heads}"
    )


def zero(config: Any) -> str:
    """The sizes of tables that are 0 in a configuration, in words."""
    named = [key for key, value in config.to_dict().items() if TABLE.search(key) and value == 0]
    return f"{' and '.join(named) or 'a size'}=0: must be at least 1"


def _own(config: Any, name: str) -> str:
    """The name that an architecture has for a standard one."""
    return str(config.attribute_map.get(name, name))


def _outside(key: str, value: Any, sizes: set[str]) -> str | None:
    """The range of a key if its value is not in it."""
    if isinstance(value, str):
        wrong = ACTIVATION.search(key) and value not in ACT2FN
        return f"an activation of transformers{nearest(value, ACT2FN)}" if wrong else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if key in sizes and not value >= 1:
        return "at least 1"
    if PROBABILITY.search(key) and not 0 <= value <= 1:
        return "a probability, from 0 to 1"
    return "0 or more" if NOT_NEGATIVE.search(key) and not value >= 0 else None
