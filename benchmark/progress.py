"""Progress and time left: one display for single runs, grids and other long work.

On a terminal it is a line of rich with a bar, whose clock runs on between updates. Elsewhere it is lines on
stderr, at most one in ten seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from benchmark.printable import printable

if TYPE_CHECKING:  # only on a terminal
    from rich.progress import Progress

Tell = Callable[
    [str, int, int], None
]  # arguments: the thing counted, the number done, the total; 0 for a phase

IMPORTING, LOADING, COMPILING = (
    "importing",
    "loading data and model",
    "compiling",
)  # phases that count nothing
CONTINUING = "continues from update"
IN_STORE = "in the store"
PRETRAINED = "updates of pretraining"
# By the thing counted.
PHASES = {"updates": "training", "evaluation sets": "evaluating", PRETRAINED: "making an encoder (once)"}
QUIET = 5.0  # seconds in which a run says nothing to a log


# The callback for work deep within a run, such as a download; without one, the work writes lines of its own.
HEARER: ContextVar[Tell | None] = ContextVar("hearer", default=None)


@contextmanager
def heard_by(tell: Tell) -> Iterator[None]:
    """Report all work in the block to ``tell``."""
    before = HEARER.set(tell)
    try:
        yield
    finally:
        HEARER.reset(before)


def hearer(otherwise: Tell | None = None) -> Tell:
    """The callback for work without a ``tell`` of its own: the block's, else ``otherwise``, else lines in a log."""
    callback = HEARER.get() or otherwise
    return RunProgress(Line(live=False)) if callback is None else callback


@contextmanager
def shown() -> Iterator[RunProgress]:
    """Show all work in the block on one display, which goes at its end. Print results after it."""
    progress = RunProgress(Line(stays=False))
    try:
        with heard_by(progress):
            yield progress
    finally:
        progress.line.close()


def silence(unit: str, done: int, total: int) -> None:
    """Ignore progress."""


class Line:
    """A line on stderr: updated in place on a terminal, else written from time to time.

    At its end it ``stays`` on the terminal, or goes.
    """

    def __init__(
        self, write: Callable[[str], object] | None = None, live: bool = True, stays: bool = True
    ) -> None:
        self.write, self.stays = write or sys.stderr.write, stays
        self.live = live and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.every = 1.0 if self.live else 10.0
        self.started = self.shown = time.monotonic()
        self.display: Progress | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the line was made."""
        return time.monotonic() - self.started

    def due(self) -> bool:
        """True if it is time to write; long work writes to a log less often."""
        quiet = self.every if self.live else max(self.every, self.elapsed / 20)
        return time.monotonic() - self.shown >= quiet

    def show(self, head: str, tail: str = "", done: int = 0, total: int = 0) -> None:
        """Write ``head``, the time so far and ``tail`` now, with a bar on a terminal."""
        head, tail, self.shown = printable(head), printable(tail), time.monotonic()
        if self.live:
            self._draw(head, tail, done, total)
            return
        self.write(", ".join(filter(None, [head, f"{duration(self.elapsed)} so far", tail])) + "\n")
        sys.stderr.flush()

    def say(self, text: str) -> None:
        """Write a line that stays, above the bar."""
        if self.display is not None:
            self.display.console.print(printable(text), markup=False, highlight=False)
        else:
            self.write(f"{printable(text)}\n")
            sys.stderr.flush()

    def _draw(self, head: str, tail: str, done: int, total: int) -> None:
        if self.display is None:
            self.display = _display(self.stays)
            self.display.start()
            self.display.add_task(head, tail="")
        [task] = self.display.task_ids
        self.display.update(task, description=head, tail=tail, completed=done, total=total or None)

    def close(self) -> None:
        """End the last line."""
        if self.display is not None:
            self.display.stop()
            self.display = None


def _display(stays: bool) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns: list[Any] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.fields[tail]}", markup=False),
    ]
    # Output that is redirected to a file does not pass through the display.
    return Progress(
        *columns,
        console=Console(stderr=True),
        transient=not stays,
        redirect_stdout=sys.stdout.isatty(),
    )


class RunProgress:
    """The progress of a single run called ``subject``; a short run writes nothing to a log."""

    def __init__(self, line: Line | None = None, subject: str = "") -> None:
        self.line, self.subject = line or Line(), f"{subject}: " if subject else ""
        self.line.shown = max(self.line.shown, self.line.started + QUIET - self.line.every)
        self.begun: dict[str, tuple[int, float]] = {}  # by thing counted: the first number done, and its time
        self.last: dict[str, int] = {}
        self.in_store = False

    def __call__(self, unit: str, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` are done; the time left is of ``unit`` alone. Without a total it is a phase."""
        now = time.monotonic()
        if unit == IN_STORE:
            self.in_store = True
            return
        if unit == CONTINUING:
            self.line.say(f"{self.subject}{CONTINUING} {done} of {total}")
            return
        if done <= self.last.get(unit, done):  # the first call, or a new count from the start
            self.begun[unit] = done, now
        new = unit not in self.last
        self.last[unit] = done
        if self.line.due() or (new and self.line.live):
            first, since = self.begun[unit]  # a continued run does not begin at 0
            made, spent = done - first, now - since
            left = f"{duration(spent / made * (total - done))} left" if made else "…" if total else ""
            phase = f"{PHASES[unit]}, " if unit in PHASES else ""
            count = f"{done}/{total} {unit}" if total else unit
            self.line.show(f"{self.subject}{phase}{count}", left, done, total)


def duration(seconds: float) -> str:
    """``75`` -> ``1m15s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
