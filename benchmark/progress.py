"""How far something is and how long it will take, on one line of stderr: often on a terminal, seldom in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Tell = Callable[[str, int, int], None]  # told what is counted, how many are done, and of how many


def silence(what: str, done: int, total: int) -> None:
    """Tell nobody."""


class Line:
    """The line, which is written over on a terminal."""

    def __init__(self, write: Callable[[str], object] = sys.stderr.write) -> None:
        self.write = write
        self.live = sys.stderr.isatty()
        self.every = 1.0 if self.live else 10.0
        self.started = self.shown = time.monotonic()
        self.width = 0

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.started

    def due(self) -> bool:
        """Whether it is time to write again; what takes long is told of less often in a log."""
        quiet = self.every if self.live else max(self.every, self.elapsed / 20)
        return time.monotonic() - self.shown >= quiet

    def show(self, text: str) -> None:
        """Write it now."""
        self.shown = time.monotonic()
        self.width = max(self.width, len(text))
        self.write(f"\r{text:<{self.width}}" if self.live else f"{text}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Leave the last line standing, if there is any."""
        if self.live and self.width:
            self.write("\n")


class RunProgress:
    """Tells how far a single run is, once it takes longer than a few seconds."""

    def __init__(self, line: Line | None = None) -> None:
        self.line = line or Line()
        self.line.shown = max(self.line.shown, self.line.started + 5 - self.line.every)
        self.begun: dict[str, tuple[int, float]] = {}  # by what is counted: how many there were, and when
        self.last: dict[str, int] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Be told that ``done`` of ``total`` of ``what`` are done; time left is that of this count alone."""
        now = time.monotonic()
        if done <= self.last.get(what, done):  # the first, or once more from the start
            self.begun[what] = done, now
        self.last[what] = done
        if self.line.due():
            first, since = self.begun[what]  # what a run continues from was done before
            made, spent = done - first, now - since
            left = f"{duration(spent / made * (total - done))} left" if made else "…"
            self.line.show(f"{done}/{total} {what}, {duration(self.line.elapsed)} so far, {left}")


def duration(seconds: float) -> str:
    """``75`` -> ``1m15s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
