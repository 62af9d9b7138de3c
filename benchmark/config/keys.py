"""Refusals of keys that lead into a list, and of mappings that change nothing."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import is_dataclass
from typing import Any

from benchmark.config.own_model import folders
from benchmark.config.schema import RunConfig
from benchmark.config.written import fields_of, load, read, required, type_at
from benchmark.errors import BenchmarkError

OF_FILES = ("method", "probe")  # only their files say which settings are lists, not the schema


def check_keys(arguments: Sequence[str]) -> None:
    """Check keys of overrides that make Hydra crash, or that Hydra ignores.

    Raises: BenchmarkError for a key below a list, or ``KEY={}``, which is merged with what is there.
    """
    for argument in arguments:
        key, equals, value = argument.partition("=")
        place = key.lstrip("+~").partition("@")[0]
        if argument.startswith("-") or not (equals or key.startswith("~")):
            continue
        _check_inside(argument, place.split("."), arguments)
        kind = type_at(place)
        is_mapping = is_dataclass(kind) or typing.get_origin(kind) is dict
        if is_mapping and "".join(value.split()) == "{}" and not key.startswith("~"):
            raise BenchmarkError(
                f"{argument}: changes nothing, because a mapping is merged with the existing one; "
                f"~{place}.NAME removes an entry"
            )


def _check_inside(argument: str, names: Sequence[str], arguments: Sequence[str]) -> None:
    kind: Any = RunConfig
    for number, name in enumerate(names):
        if typing.get_origin(kind) is list:
            _check_index(argument, names, number)
        kind = _within(kind, name)
    if names[0] in OF_FILES and len(names) > 3:
        settings = _settings(names[0], names[1], arguments)
        if isinstance(settings.get(names[2]), list):
            _check_index(argument, names, 3)


def _within(kind: Any, name: str) -> Any:
    """The type of the entry ``name`` in a value of the type ``kind``; Any if the schema does not say."""
    inner = typing.get_args(kind)
    if typing.get_origin(kind) in (list, dict):
        return required(inner[-1])
    return required(fields_of(kind).get(name, Any))


def _check_index(argument: str, names: Sequence[str], number: int) -> None:
    place = ".".join(names[:number])
    if not names[number].isdecimal():
        raise BenchmarkError(
            f"{argument}: unknown key {names[number]!r}, because {place} is a list; set it as a whole, {place}=[…]"
        )


def _settings(group: str, name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """The settings that the file of a method or probe has."""
    path = next(
        (path for place in folders(arguments) if (path := place / group / f"{name}.yaml").is_file()), None
    )
    content = load(read(path), path) if path else None
    return content if isinstance(content, dict) else {}
