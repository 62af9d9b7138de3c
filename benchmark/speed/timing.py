"""Times of one side's updates, and of one task's rounds on all sides."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

OURS, GRID, PLAIN = "ours", "ours, in a grid", "PyTorch, dynamic padding"


@dataclass(frozen=True)
class Amount:
    """Number of updates: ``warm`` untimed ones, then ``blocks`` of ``size``.

    Between blocks the host waits for the device.
    """

    warm: int
    blocks: int
    size: int

    @property
    def total(self) -> int:
        """All updates, timed or not."""
        return self.warm + self.blocks * self.size


@dataclass(frozen=True)
class Took:
    """Times and losses of one side.

    ``began``: start of the side, in seconds. ``stamps``: (blocks + 1,) start and ends of blocks, in seconds.
    ``losses``: (updates,), warm ones included. ``once``: seconds of one-time work such as assembly and
    capture, with its counts.
    """

    began: float
    stamps: list[float]
    amount: Amount
    losses: np.ndarray
    once: dict[str, float] = field(default_factory=dict)

    @property
    def update(self) -> float:
        """Seconds of a steady update: the median over blocks."""
        return float(np.median(np.diff(self.stamps))) / self.amount.size

    @property
    def before(self) -> float:
        """Seconds from the start to the first block."""
        return self.stamps[0] - self.began

    def phases(self) -> dict[str, float]:
        """Seconds of one-time work, by a name to show."""
        phases = {
            "assemble (hooks, optimiser, layouts)": self.once["assemble"],
            "survey": self.once["survey"],
        }
        if captured := round(self.once["captures"]):
            phases[f"capture {captured} sizes"] = self.once["capture"]
        return phases


@dataclass
class Timing:
    """Figures of one task.

    ``warm`` and ``updates``: untimed and timed updates of a round. ``tokens`` and ``operations``: real tokens
    and floating-point operations of a mean update. ``seconds``: of a steady update, by side and round.
    ``limit``: operations per second of the machine's matrix products, by round. ``apart``: largest
    difference between the sides' losses without dropout. ``dispatched``: operations of an update by side, as
    (all, without views). ``once``: seconds of one-time work.
    """

    warm: int
    updates: int
    tokens: float
    operations: float
    seconds: dict[str, list[float]] = field(default_factory=dict)
    limit: list[float] = field(default_factory=list)
    apart: float = 0.0
    dispatched: dict[str, tuple[int, int]] = field(default_factory=dict)
    once: dict[str, float] = field(default_factory=dict)

    def ratio(self, side: str, ours: str = OURS) -> float:
        """Time of ``side`` relative to ``ours`` in the same round; the median over rounds."""
        return float(np.median(np.array(self.seconds[side]) / np.array(self.seconds[ours])))

    @property
    def of_limit(self) -> float:
        """Share of the limit that our side reached; the median over rounds."""
        rates = self.operations / np.array(self.seconds[OURS])
        return float(np.median(rates / np.array(self.limit)))
