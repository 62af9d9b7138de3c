"""Kinds of claim beyond "better than": trends, optima, margins, sizes, associations.

A claim has at most one of them. `sweeps/README.md` shows each by example.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

SCALES = ("linear", "log")
DIRECTIONS = ("rises", "falls")
ENDS = ("highest", "lowest")
UNITS_OF_ASSOCIATION = ("cells", "runs")
DATA_SIZE = "data.size"  # the number of training examples, an axis over tasks
WITHIN_A_RUN = ("layer", "injection", "step")  # axes of probes and curves
KINDS_OF_CLAIM = ("trend", "optimum", "equivalent", "not_worse", "size", "p_value", "association")


@dataclass
class Trend:
    """A quantity that ``rises`` or ``falls`` over an axis, by its slope.

    ``over`` is a key of the grid, ``data.size`` (the tasks by their training examples), or an axis within a
    run: ``layer``, ``injection`` or ``step``. The slope is per unit of the axis, or per doubling if ``scale`` is
    ``log``. ``values`` limits the axis to some of its values. ``at`` are their positions; default: the values.
    """

    over: str = MISSING
    direction: str = MISSING
    scale: str = "linear"
    values: list[Any] = field(default_factory=list)
    at: list[float] = field(default_factory=list)


@dataclass
class Optimum:
    """A quantity that is best at some ``values`` of an axis of numbers.

    The mean at ``values`` must be above those of the smaller and of the larger ones, or below them if the best is
    the ``lowest``.
    """

    over: str = MISSING
    values: list[float] = MISSING
    best: str = "highest"


@dataclass
class Margin:
    """The largest difference that does not matter.

    Either a ``margin`` in the quantity's unit or a ``ratio`` of both sides, above 1. ``over`` names an axis:
    all runs that differ on it alone are compared in pairs.
    """

    margin: float | None = None
    ratio: float | None = None
    over: str | None = None


@dataclass
class Size:
    """A printed difference, gain or ratio, and how far ours may be off.

    With ``margin`` the ``printed`` number is in the quantity's unit. With ``ratio`` it is a ratio of both sides.
    """

    printed: float = MISSING
    margin: float | None = None
    ratio: float | None = None


@dataclass
class PrintedP:
    """Printed p-values of a difference, by column, and the number of ``seeds`` behind each.

    Our result agrees if our effect is surely at least as large as the effect that gives such a p-value with
    the paper's number of seeds.
    """

    printed: dict[str, float] = MISSING
    seeds: int = MISSING


@dataclass
class Association:
    """A quantity that ``rises`` or ``falls`` with another one, ``to``.

    By ranks over ``cells``: over the arms of a table, in every seed. Or over ``runs``: over the seeds of every
    arm. ``depth`` limits ``to`` as a claim's ``depth`` does.
    """

    to: str = MISSING
    direction: str = MISSING
    over: str = "cells"
    depth: list[float] = field(default_factory=list)
