"""Interface for listeners, which receive a run's progress and see neither model nor data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.training.clock import Clock
    from benchmark.training.course import Course
    from benchmark.training.snapshot import Progress


class Listener:
    """Receiver of a run's losses and scores while it trains; this base class ignores them."""

    def begin(self, course: Course, progress: Progress, clock: Clock) -> None:
        """Receive the state of a run that begins or continues; ``progress`` grows with every update."""

    def updated(self) -> None:
        """Look at the progress, after each update and its evaluation if there is one."""


DEAF = Listener()
