"""Whoever looks on while a run is trained, and changes nothing."""

from __future__ import annotations

import numpy as np

from benchmark.step.state import Stateful
from benchmark.training.assemble import Training


class Onlooker(Stateful):
    """Is told how far a run is and looks at its model; ``seconds`` are those that it took. This one sees nothing."""

    seconds: float = 0.0

    def attach(self, training: Training) -> None:
        """Say what is to be looked at."""

    def begin(self) -> None:
        """No update was made yet."""

    def updated(self, done: int) -> None:
        """``done`` updates are complete."""

    def end(self) -> dict[str, np.ndarray]:
        """What was found, by its name in the record's arrays."""
        return {}


NOBODY = Onlooker()
