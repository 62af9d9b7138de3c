"""Progress and time left, on one line of stderr.

A terminal is updated every second; a log gets a line every ten seconds or more seldom.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from benchmark.printable import printable

Tell = Callable[[str, int, int], None]  # arguments: the thing counted, the number done, the total


def silence(unit: str, done: int, total: int) -> None:
    """Ignore progress."""


class Line:
    """A line of stderr, overwritten on a terminal."""

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self.write = write or sys.stderr.write
        self.live = sys.stderr.isatty()
        self.every = 1.0 if self.live else 10.0
        self.started = self.shown = time.monotonic()
        self.width = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the line was made."""
        return time.monotonic() - self.started

    def due(self) -> bool:
        """True if it is time to write; long work writes to a log less often."""
        quiet = self.every if self.live else max(self.every, self.elapsed / 20)
        return time.monotonic() - self.shown >= quiet

    def show(self, text: str) -> None:
        """Write ``text`` now."""
        text, self.shown = printable(text), time.monotonic()
        self.width = max(self.width, len(text))
        self.write(f"\r{text:<{self.width}}" if self.live else f"{text}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """End the last line, if there is one, so that it stays."""
        if self.live and self.width:
            self.write("\n")


class RunProgress:
    """The progress of a single run, shown if it takes more than a few seconds."""

    def __init__(self, line: Line | None = None) -> None:
        self.line = line or Line()
        self.line.shown = max(self.line.shown, self.line.started + 5 - self.line.every)
        self.begun: dict[str, tuple[int, float]] = {}  # by thing counted: the first number done, and its time
        self.last: dict[str, int] = {}

    def __call__(self, unit: str, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` are done; the time left is of ``unit`` alone."""
        now = time.monotonic()
        if done <= self.last.get(unit, done):  # the first call, or a new count from the start
            self.begun[unit] = done, now
        self.last[unit] = done
        if self.line.due():
            first, since = self.begun[unit]  # a continued run does not begin at 0
            made, spent = done - first, now - since
            left = f"{duration(spent / made * (total - done))} left" if made else "…"
            self.line.show(f"{done}/{total} {unit}, {duration(self.line.elapsed)} so far, {left}")


def duration(seconds: float) -> str:
    """``75`` -> ``1m15s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
