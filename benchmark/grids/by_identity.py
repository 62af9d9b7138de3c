"""Results of functions of dictionaries, kept by identity: runs of a grid share them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

More = ParamSpec("More")
Result = TypeVar("Result")


def by_identity(
    function: Callable[Concatenate[dict[str, Any], More], Result],
) -> Callable[Concatenate[dict[str, Any], More], Result]:
    """Call ``function`` once per dictionary and further arguments; nobody may change such a dictionary."""
    known: dict[Any, tuple[dict[str, Any], Result]] = {}

    @wraps(function)
    def result(subject: dict[str, Any], *args: More.args, **kwargs: More.kwargs) -> Result:
        key = id(subject), *args
        if key not in known:
            known[key] = subject, function(subject, *args, **kwargs)  # kept, so that its id stays its own
        return known[key][1]

    return result
