"""Interface for onlookers: they see a run's training and change nothing."""

from __future__ import annotations

import numpy as np

from benchmark.step.state import Stateful
from benchmark.training.assemble import Training


class Onlooker(Stateful):
    """Observer of a run's model and progress; this base class does nothing.

    ``seconds`` is the time that the onlooker itself took.
    """

    seconds: float = 0.0

    def attach(self, training: Training) -> None:
        """Receive the training to look at, before anything else is called."""

    def begin(self) -> None:
        """Look at the model before the first update; not called if a run continues."""

    def updated(self, done: int) -> None:
        """Look at the model after ``done`` updates."""

    def end(self) -> dict[str, np.ndarray]:
        """Results by their name in the record's arrays."""
        return {}


NOBODY = Onlooker()
