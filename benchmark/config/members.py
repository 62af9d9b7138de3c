"""Members of lists and dictionaries of a configuration that OmegaConf does not check."""

from __future__ import annotations

import math
import typing
from typing import Any

from benchmark.config.written import fields_of, required
from benchmark.errors import BenchmarkError


def check_members(value: Any, kind: Any, key: str = "") -> None:
    """Refuse lists within lists of single values, and settings that are not finite; OmegaConf accepts them.

    Raises: BenchmarkError naming the key.
    """
    kind = required(kind)
    members = typing.get_args(kind)
    if fields := fields_of(kind):
        for name, inner in fields.items():
            check_members(getattr(value, name, None), inner, f"{key}.{name}" if key else name)
    elif members and isinstance(value, dict):
        for name, inner in value.items():
            check_members(inner, members[-1], f"{key}.{name}")
    elif members and isinstance(value, list):
        for number, inner in enumerate(value):
            check_members(inner, members[-1], f"{key}[{number}]")
    elif kind in (str, int, float, bool) and isinstance(value, list | dict):
        raise BenchmarkError(f"{key}={value}: expected a single value")
    elif isinstance(value, dict):  # settings of a method, which are part of a run's identity
        for name, inner in value.items():
            check_members(inner, Any, f"{key}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            check_members(inner, Any, f"{key}[{number}]")
    elif kind is Any and isinstance(value, float) and not math.isfinite(value):
        raise BenchmarkError(f"{key}={value}: must be a finite number")
