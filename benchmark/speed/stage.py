"""What a stage of the check on a GPU is told, and how it says what it found."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.speed.conditions import Conditions

SHORT = "SHORT"  # begins a line that says which target was missed
THREADS = 4  # of the host, for the sides of a comparison


@dataclass(frozen=True)
class Stage:
    """What a stage is told: until when it may go on, and whether it has only the ``stand_in`` for a GPU."""

    until: float
    stand_in: bool

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self.until - time.monotonic()

    def say(self, text: str) -> None:
        """A line of the result."""
        print(f"- {text}", flush=True)

    def target(self, what: str, reached: float, least: float = 0.0, most: float = float("inf")) -> None:
        """Say whether a figure is where it should be, between ``least`` and ``most``."""
        limits = [f"at least {least:g}"] * (least > 0) + [f"at most {most:g}"] * (most < float("inf"))
        met = least <= reached <= most
        self.say(f"{'target met' if met else SHORT}: {what} {reached:.3g}, wanted {' and '.join(limits)}")

    def conditions(self, precision: str) -> Conditions:
        """Where the stage computes; from here on this process computes so."""
        from benchmark.speed import conditions

        if not self.stand_in:
            here = conditions.conditions("cuda", precision, THREADS)
            here.take_effect()
            return here
        from helpers.accelerator import DEVICE

        here = conditions.Conditions(DEVICE, precision, 1)
        here.take_effect()
        return here
