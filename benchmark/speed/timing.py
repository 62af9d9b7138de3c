"""What one task's rounds took, on every side."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

OURS, GRID = "ours", "ours, in a grid"


@dataclass
class Timing:
    """One task's figures: seconds of every round by side, and the limit's operations a second.

    ``apart`` is how far the losses of the sides were from each other without dropout.
    """

    updates: int
    tokens: int
    operations: float
    seconds: dict[str, list[float]] = field(default_factory=dict)
    limit: list[float] = field(default_factory=list)
    apart: float = 0.0

    def ratio(self, side: str, ours: str = OURS) -> float:
        """The median over rounds of how many times longer ``side`` took than ``ours`` in the same round."""
        return float(np.median(np.array(self.seconds[side]) / np.array(self.seconds[ours])))

    @property
    def of_limit(self) -> float:
        """The share of the limit that ours reached, the median over rounds."""
        rates = self.operations / np.array(self.seconds[OURS])
        return float(np.median(rates / np.array(self.limit)))
