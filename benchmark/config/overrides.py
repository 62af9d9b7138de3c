"""Overrides of a command line as they are written where the schema wants text.

Hydra reads ``1e10`` as a number, ``true`` as a truth value and the key of ``{0: bad}`` as a number.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from benchmark.config.written import type_at

# Quoted texts and interpolations stay whole; brackets, commas, colons and spaces are between the words.
WORD = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\$\{[^}]*\}|[^\[\]{},:\s]+|.""", re.DOTALL)


def as_written(overrides: Sequence[str]) -> list[str]:
    """The overrides, with quotation marks around words at places of text that Hydra reads as something else."""
    return [_quoted(override) for override in overrides]


def _quoted(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals or "(" in value or not _is_text(type_at(key.lstrip("+~").partition("@")[0])):
        return override
    depth, words = 0, []
    for word in WORD.findall(value):
        depth += (word == "{") - (word == "}")
        words.append(f"'{word}'" if _is_read_otherwise(word, depth > 0) else word)
    return f"{key}={''.join(words)}"


def _is_text(kind: object) -> bool:
    inner = typing.get_args(kind)
    return kind is str or (bool(inner) and all(one is str for one in inner))


def _is_read_otherwise(word: str, in_braces: bool) -> bool:
    """True for a number or truth value that is written in another way, or whose type matters as a key."""
    try:
        value = OverridesParser.create().parse_override(f"x={word}").value()
    except HydraException:
        return False
    return isinstance(value, int | float) and (in_braces or str(value) != word)
