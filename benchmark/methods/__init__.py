"""The methods under test, one file each; `conf/method/` names them and gives their papers' values."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.methods.base import Context, Method
    from benchmark.methods.common.together import build, prepare

__all__ = ["Context", "Method", "build", "prepare"]
OFFERED = dict.fromkeys(("Context", "Method"), "benchmark.methods.base") | dict.fromkeys(
    ("build", "prepare"), "benchmark.methods.common.together"
)


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: the help of its command needs no torch."""
    if name not in OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(OFFERED[name]), name)
