"""What a side needed for its updates, and what one task's rounds took on every side."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

OURS, GRID, PLAIN = "ours", "ours, in a grid", "PyTorch, dynamic padding"


@dataclass(frozen=True)
class Amount:
    """The updates of a side: ``warm`` ones that are not timed, then ``blocks`` of ``size``, between which it waits."""

    warm: int
    blocks: int
    size: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.warm + self.blocks * self.size


@dataclass(frozen=True)
class Took:
    """When a side began and when its blocks of updates began and ended, in seconds; the losses of all updates.

    ``once`` has the seconds of what it did before or among its first updates, and counts of that.
    """

    began: float
    stamps: list[float]
    amount: Amount
    losses: np.ndarray
    once: dict[str, float] = field(default_factory=dict)

    @property
    def update(self) -> float:
        """The seconds of a steady update: the median over blocks."""
        return float(np.median(np.diff(self.stamps))) / self.amount.size

    @property
    def before(self) -> float:
        """Seconds from the begin to the first block."""
        return self.stamps[0] - self.began

    def phases(self) -> dict[str, float]:
        """The seconds of what came once, in words."""
        phases = {
            "assemble (hooks, optimiser, layouts)": self.once["assemble"],
            "survey": self.once["survey"],
        }
        if captured := round(self.once["captures"]):
            phases[f"capture {captured} sizes"] = self.once["capture"]
        return phases


@dataclass
class Timing:
    """One task's figures: seconds of a steady update by side and round, and the limit's operations a second.

    A round has ``warm`` updates that are not timed, and ``updates`` that are. ``tokens`` and ``operations`` are those of a mean update. ``apart`` is how far the losses of the sides were
    from each other without dropout; ``dispatched`` the operations of an update, by side and whether views
    count; ``once`` what a run does once, in seconds.
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
        """The median over rounds of how many times longer ``side`` took than ``ours`` in the same round."""
        return float(np.median(np.array(self.seconds[side]) / np.array(self.seconds[ours])))

    @property
    def of_limit(self) -> float:
        """The share of the limit that ours reached, the median over rounds."""
        rates = self.operations / np.array(self.seconds[OURS])
        return float(np.median(rates / np.array(self.limit)))
