"""Values in the schema's types, without OmegaConf where there is nothing to convert or refuse.

OmegaConf makes an object per value, which takes most of the time of reading a table. A value that has its type
already stays as it is. For all others the answer is `Unsure`: OmegaConf converts them, or says what is wrong.
"""

from __future__ import annotations

from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_origin

from omegaconf import MISSING
from omegaconf.grammar_parser import SIMPLE_INTERPOLATION_PATTERN

from benchmark.config.schema import as_json
from benchmark.config.written import fields_of, required


class Unsure(Exception):
    """A value that OmegaConf has to convert or to refuse."""


def conforming(kind: Any, value: Any) -> Any:
    """``value`` in plain containers, as a merge with the schema's type ``kind`` gives it.

    Dataclasses become dictionaries with all their fields; missing mandatory ones are ``???``. Interpolations stay.
    Raises: Unsure.
    """
    if _is_open(value):
        return value
    needed = required(kind)
    if value is None and (needed is not kind or kind is Any):
        return None
    if needed is Any:
        return _plain(value)
    if is_dataclass(needed):
        return _of_fields(needed, value)
    members = get_args(needed)
    if get_origin(needed) is list and isinstance(value, list):
        return [conforming(members[0], inner) for inner in value]
    if get_origin(needed) is dict and isinstance(value, dict) and all(type(key) is str for key in value):
        return {key: conforming(members[1], inner) for key, inner in value.items()}
    if needed is float and type(value) is int:
        return float(value)
    if members or type(value) is not needed:
        raise Unsure(f"{value!r} is no {needed}")
    return value


def merged(old: Any, new: Any) -> Any:
    """``new`` over ``old``: dictionaries key by key, all else replaced."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: merged(old.get(key), inner) for key, inner in new.items()}}


def _of_fields(kind: Any, value: Any) -> dict[str, Any]:
    types = fields_of(kind)
    if not isinstance(value, dict) or not value.keys() <= types.keys():
        raise Unsure(f"{value!r} has other keys than {', '.join(types)}")
    defaults = _defaults(kind)
    return {
        name: conforming(inner, value[name]) if name in value else as_json(defaults[name])
        for name, inner in types.items()
    }


@cache
def _defaults(kind: Any) -> dict[str, Any]:
    """The defaults of a dataclass by field, as plain values."""
    made: dict[str, Any] = {}
    for field in fields(kind):
        inner = field.default_factory() if field.default_factory is not NO_DEFAULT else field.default
        made[field.name] = _of_fields(type(inner), {}) if is_dataclass(inner) else as_json(inner)
    return made


def _plain(value: Any) -> Any:
    """A copy of a value of any type. Raises: Unsure for types that YAML and Hydra do not produce."""
    if isinstance(value, list):
        return [inner if _is_open(inner) else _plain(inner) for inner in value]
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {key: inner if _is_open(inner) else _plain(inner) for key, inner in value.items()}
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise Unsure(f"{value!r} is of no known type")


def _is_open(value: Any) -> bool:
    """True for a text in place of a value: an interpolation, or ``???`` for a missing mandatory value.

    Raises: Unsure for an interpolation that only OmegaConf can read.
    """
    if not isinstance(value, str) or ("${" not in value and value != MISSING):
        return False
    if value != MISSING and ("\\" in value or not SIMPLE_INTERPOLATION_PATTERN.match(value)):
        raise Unsure(f"{value!r} is not a simple interpolation")
    return True
