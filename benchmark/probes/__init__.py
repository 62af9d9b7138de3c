"""Measurements of a run for the papers' figures, one file each; `conf/probe/` names them.

Probes do not change training: the bits are those of the run without probes. A run with probes has an id of
its own, so a measurement that a record lacks is made by another run. Their arrays are `probe/NAME/…` in the
record's.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.probes.attached import Probes, build
    from benchmark.probes.base import Probe, Subject

__all__ = ["Probe", "Probes", "Subject", "build"]
OFFERED = dict.fromkeys(("Probe", "Subject"), "benchmark.probes.base") | dict.fromkeys(
    ("Probes", "build"), "benchmark.probes.attached"
)


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: `python -m benchmark.probes` needs no torch."""
    if name not in OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(OFFERED[name]), name)
