"""Input and output of one stage of the GPU check."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.speed.conditions import Conditions

SHORT = "SHORT"  # begins a line about a missed target or a failure
THREADS = 4  # host threads for the sides of a comparison


@dataclass(frozen=True)
class Stage:
    """A stage's time limit and device, with functions for its report.

    ``until``: end of its time on the monotonic clock, in seconds. ``stand_in``: there is no GPU, only the
    tests' stand-in.
    """

    until: float
    stand_in: bool

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.until - time.monotonic()

    def say(self, text: str) -> None:
        """Print a line of the result."""
        print(f"- {text}", flush=True)

    def target(self, quantity: str, reached: float, least: float = 0.0, most: float = float("inf")) -> None:
        """Report a figure and compare it with its limits ``least`` and ``most``."""
        limits = [f"at least {least:g}"] * (least > 0) + [f"at most {most:g}"] * (most < float("inf"))
        met = least <= reached <= most
        self.say(f"{'target met' if met else SHORT}: {quantity} {reached:.3g}, wanted {' and '.join(limits)}")

    def conditions(self, precision: str) -> Conditions:
        """The conditions of the stage; they take effect in this process."""
        from benchmark.speed import conditions

        if not self.stand_in:
            here = conditions.conditions("cuda", precision, THREADS)
            here.take_effect()
            return here
        from helpers.accelerator import DEVICE

        here = conditions.Conditions(DEVICE, precision, 1)
        here.take_effect()
        return here
