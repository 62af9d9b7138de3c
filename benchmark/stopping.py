"""Signals that end a process, obeyed at a point where nothing is lost."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds in which a second signal counts as the same request: schedulers and launchers both send one
AGAIN = 2.0
SOON = 0.01  # seconds until a signal that was lost is raised again
PATIENCE = 20.0  # seconds after which a signal is obeyed at any point; schedulers kill after 30


class Stopped(BaseException):
    """A signal asked this process to end; ``number`` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number

    @property
    def status(self) -> int:
        """The exit status of a process ended by this signal, in the convention of shells."""
        return 128 + self.number


_asked: list[tuple[int, float]] = []  # the signal that waits to be obeyed, and when it came
_obeyed: list[int] = []  # the signals for which `Stopped` was raised
_deferring: list[bool] = []


def hear(*numbers: int) -> None:
    """Raise `Stopped` in the main thread for these signals, except those that this process ignores."""
    if threading.current_thread() is not threading.main_thread():
        return
    _obeyed.clear()
    for number in numbers or SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _heard)
    signal.signal(signal.SIGALRM, _impatient)
    sys.unraisablehook = _lost


def _lost(lost: sys.UnraisableHookArgs) -> None:
    """Raise `Stopped` again if it was lost where Python ignores errors, for example in a `__del__`."""
    if isinstance(lost.exc_value, Stopped):
        _asked.append((lost.exc_value.number, time.monotonic()))
        signal.setitimer(signal.ITIMER_REAL, SOON)
    else:
        sys.__unraisablehook__(lost)


def unmask(error: BaseException) -> None:
    """Raise the `Stopped` that ``error`` replaced, if there is one.

    A library's clean-up may fail when it is interrupted, and then its own error is raised in place of
    `Stopped`.
    """
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, Stopped):
            raise behind
        behind = behind.__context__


def _heard(number: int, frame: FrameType | None) -> None:
    if _deferring and _asked and time.monotonic() - _asked[0][1] < AGAIN:
        return
    if not _deferring or _asked:  # a second signal is obeyed at once
        _asked.clear()
        _obeyed.append(number)
        raise Stopped(number)
    _asked.append((number, time.monotonic()))
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)


def _impatient(number: int, frame: FrameType | None) -> None:
    obey()


@contextmanager
def deferred() -> Iterator[None]:
    """Let a signal wait until `obey`, the end of the block, or `PATIENCE` is over."""
    _deferring.append(True)
    try:
        yield
    finally:
        _deferring.pop()
        if not _deferring:
            obey()


def asked() -> bool:
    """True if a signal waits to be obeyed."""
    return bool(_asked)


def obey() -> None:
    """Raise `Stopped` if a signal waits for it."""
    if _asked:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _obeyed.append(_asked.pop()[0])
        raise Stopped(_obeyed[-1])


def heed() -> None:
    """Raise `Stopped` in a helping thread, if a signal asked the process to end."""
    if numbers := [*_obeyed, *(number for number, _ in _asked)]:
        raise Stopped(numbers[0])
