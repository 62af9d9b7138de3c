"""Overrides of a command line, kept as they are written if the schema wants text.

Hydra reads ``1e10`` as a number, ``true`` as a truth value and the key of ``{0: bad}`` as a number, and
refuses ``~`` at the beginning of a path.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from benchmark.config.choices import check_choices
from benchmark.config.keys import check_keys
from benchmark.config.searchpath import KEY as SEARCHPATH
from benchmark.config.written import type_at
from benchmark.errors import BenchmarkError

# Quoted texts and interpolations stay whole; brackets, commas, colons and spaces separate words.
WORD = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\$\{[^}]*\}|[^\[\]{},:\s]+|.""", re.DOTALL)


# A mapping of simple keys: Hydra allows no quotation marks around keys, but allows them within a dotted key.
PAIR = re.compile(r"""\s*(\w+)\s*:\s*('[^']*'|"[^"]*"|[^{}\[\],:'"]+)""")
MAPPING = re.compile(rf"\{{{PAIR.pattern}(?:,{PAIR.pattern})*\s*\}}")


def as_written(overrides: Sequence[str]) -> list[str]:
    """The overrides, with words quoted that Hydra would read as no text.

    A mapping of texts becomes an override for each of its keys. Raises: BenchmarkError for a choice that does
    not exist, an impossible key, or a number for a truth value.
    """
    check_choices(overrides)
    check_keys(overrides)
    for override in overrides:
        _check_truth(*override.partition("=")[::2])
    return [_quoted(single) for override in overrides for single in _singly(override)]


def _check_truth(key: str, value: str) -> None:
    """Refuse numbers that would be read as true. Raises: BenchmarkError."""
    if type_at(key.lstrip("+~").partition("@")[0]) is bool:
        for word in WORD.findall(value):
            if word.lstrip("+-").isdecimal() and word not in ("0", "1"):
                raise BenchmarkError(f"{key}={value}: {word} is no truth value; valid: true, false")


def _singly(override: str) -> list[str]:
    key, _, value = override.partition("=")
    if (
        not MAPPING.fullmatch(value)
        or typing.get_origin(type_at(key.lstrip("+~"))) is not dict
        or not _is_text_at(key)
    ):
        return [override]
    return [f"++{key.lstrip('+')}.{name}={text.strip()}" for name, text in PAIR.findall(value)]


def _quoted(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals or "(" in value or not _is_text_at(key):
        return override
    words = [f"'{word}'" if _is_read_otherwise(word) else word for word in WORD.findall(value)]
    return f"{key}={''.join(words)}"


def _is_text_at(key: str) -> bool:
    """True if the values at a key are texts: one, a list or a mapping of them."""
    if key == SEARCHPATH:
        return True
    kind = type_at(key.lstrip("+~").partition("@")[0])
    inner = typing.get_args(kind)
    return kind is str or (bool(inner) and all(part is str for part in inner))


def _is_read_otherwise(word: str) -> bool:
    """True for a word that Hydra would change: a number, truth value or home path."""
    if word.startswith("~"):
        return True
    try:
        value = OverridesParser.create().parse_override(f"x={word}").value()
    except HydraException:
        return False
    return isinstance(value, int | float) and str(value) != word
