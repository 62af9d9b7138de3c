"""Choices on a command line: one per group, or several different ones for methods and probes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from benchmark.config.names import LONGEST
from benchmark.config.own_model import folders
from benchmark.errors import BenchmarkError, unknown

ONE, SEVERAL = ("model", "task", "protocol", "data", "tracker", "engine"), ("method", "probe")
OF_SWEEPS = "table"  # the key that only a file of a sweep may set
PACKAGE = re.compile(r"#\s*@package\s+(\S+)")


def check_choices(arguments: Sequence[str]) -> None:
    """Check the choices of groups.

    Hydra merges several choices of one group, and gives no clear error for a choice that is not a name.

    Raises: BenchmarkError naming the choice.
    """
    places = folders(arguments)
    for argument in arguments:
        key, equals, _ = argument.partition("=")
        group = key.lstrip("+~").partition("@")[0]
        changes = bool(equals) or key.startswith("~")  # an option such as --package shows something else
        if changes and group.partition(".")[0] == OF_SWEEPS:
            raise BenchmarkError(
                f"{argument}: {OF_SWEEPS} is declared by a file of sweeps/, and does not belong to a run"
            )
        if equals and group in (*ONE, *SEVERAL):
            for value in _values(argument):
                if key.startswith("~") and not isinstance(value, str):
                    raise BenchmarkError(f"{argument}: leave out a group with ~{group}, without a value")
                check_choice(group, value, places)


def check_choice(group: str, value: Any, places: Sequence[Path]) -> None:
    """Check one choice of a group, from the configuration folders ``places``. Raises: BenchmarkError."""
    several = value if isinstance(value, list) else [value]
    shown = f"{group}=[{','.join(map(str, several))}]"
    if wrong := [
        name for name in several if not isinstance(name, str) or "${" in name or len(name) > LONGEST
    ]:
        raise unknown(
            group, wrong[0], [path.stem for place in places for path in (place / group).glob("*.yaml")]
        )
    if group in ONE and len(several) != 1:
        raise BenchmarkError(f"{shown}: a run has one {group}; for a run with each, give -m {group}=A,B")
    packages: dict[str, str] = {}
    for name in several:
        package = _package(group, name, places)
        if package in packages:
            same = (
                "is there twice"
                if packages[package] == name
                else f"and {packages[package]!r} are both {package}"
            )
            raise BenchmarkError(f"{shown}: {name!r} {same}; a run has it once")
        packages[package] = name


def _values(argument: str) -> list[Any]:
    """The values that an override gives to its key; several in a sweep, none if Hydra cannot read it."""
    parser = OverridesParser.create()
    try:
        override = parser.parse_override(argument)
        if override.is_choice_sweep():
            return [parser.parse_override(f"x={text}").value() for text in override.sweep_string_iterator()]
        return [] if override.is_sweep_override() else [override.value()]
    except (HydraException, OmegaConfBaseException, ValueError):  # `rectangles.axes` says what is wrong
        return []


def _package(group: str, name: str, places: Sequence[Path]) -> str:
    """The place in a configuration of a group's file, by its header."""
    for path in (place / group / f"{name}.yaml" for place in places):
        if os.path.isfile(path) and (header := PACKAGE.match(path.read_text(errors="replace"))):
            return header[1]
    return f"{group}.{name}"
