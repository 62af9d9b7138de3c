"""Tasks at run time: tokenised examples of their splits, losses and scores."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.tasks.classification import Classification
    from benchmark.tasks.kind import Examples, Kind, Measure
    from benchmark.tasks.loading import load, look
    from benchmark.tasks.subset import draw_subset
    from benchmark.tasks.task import Task

__all__ = ["Classification", "Examples", "Kind", "Measure", "Task", "draw_subset", "load", "look"]
OFFERED = {
    "Classification": "benchmark.tasks.classification",
    **dict.fromkeys(("Examples", "Kind", "Measure"), "benchmark.tasks.kind"),
    **dict.fromkeys(("load", "look"), "benchmark.tasks.loading"),
    "draw_subset": "benchmark.tasks.subset",
    "Task": "benchmark.tasks.task",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: the help of its command needs no torch."""
    if name not in OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(OFFERED[name]), name)
