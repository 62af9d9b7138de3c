"""A run's losses, scores and speed, offered to a tracker while it trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmark.runs.told import Lines, blocks, evaluated
from benchmark.training.listener import Listener

if TYPE_CHECKING:
    from benchmark.training.clock import Clock
    from benchmark.training.course import Course
    from benchmark.training.snapshot import Progress

EVERY = 1.0  # seconds between two looks at the losses: on a GPU a look waits for the device
MOST = 10  # lines of a look; more updates than these share a line


class Stream(Listener):
    """Listener that hands on what is new once a second; ``offer`` must not wait."""

    def __init__(self, offer: Callable[[Lines], None]) -> None:
        self.offer = offer
        self.due = 0.0

    def begin(self, course: Course, progress: Progress, clock: Clock) -> None:
        """Begin with the updates that are still to come."""
        self.course, self.progress, self.clock = course, progress, clock
        self.seen, self.evaluations = progress.done, len(progress.curve)
        self.spent = self.training_seconds
        self.due = time.monotonic() + EVERY

    @property
    def training_seconds(self) -> float:
        """Seconds of the run so far, evaluations not counted."""
        return self.clock.elapsed - self.clock.evaluating

    def updated(self) -> None:
        """Offer what is new, if a second is over."""
        now = time.monotonic()
        if now >= self.due:
            self.due = now + EVERY
            self.offer(self.news())

    def news(self) -> Lines:
        """The lines since the last look: losses, rates, evaluations and speed."""
        import torch  # there already: a run trains

        progress, course = self.progress, self.course
        recent = torch.stack(progress.losses[self.seen : progress.done]).tolist()
        lines: dict[int, dict[str, Any]] = {}
        for step, loss in blocks(recent, self.seen, MOST):
            lines[step] = {"loss": loss, "learning_rate": course.rate(step), "epoch": step / course.per_epoch}
        for entry in progress.curve[self.evaluations :]:
            lines.setdefault(entry.step, {}).update(evaluated(entry))
        spent = self.training_seconds
        speed = len(recent) / max(spent - self.spent, 1e-9)
        lines[progress.done] |= {
            "updates_per_second": speed,
            "examples_per_second": speed * course.protocol.batch_size,
        }
        self.seen, self.evaluations, self.spent = progress.done, len(progress.curve), spent
        return sorted(lines.items())
