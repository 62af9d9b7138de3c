"""Limits of inputs in messages."""

from __future__ import annotations

from typing import Any


def spelt_limit(tokenizer: Any, max_length: int) -> str:
    """A limit in tokens, and whose it is if it is not the configuration's alone."""
    of_model = (
        " (the limit of the model and its tokenizer)" if max_length == tokenizer.model_max_length else ""
    )
    return f"max_length={max_length}{of_model}"
