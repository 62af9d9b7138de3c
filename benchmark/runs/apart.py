"""Work in a process of its own, which leaves this one small; its progress is shown here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any

from benchmark.progress import Tell, heard_by
from benchmark.runs.parallel import start


@dataclass(frozen=True)
class Ended:
    """The exit status of a process, and the result of its work: None if it died."""

    status: int
    result: Any = None


def done_apart(context: BaseContext, tell: Tell, work: Callable[..., Any], *arguments: Any) -> Ended:
    """Call ``work`` with ``arguments`` in a process of ``context``; ``tell`` hears of its progress."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_do, args=(sender, work, arguments))  # type: ignore[attr-defined]
    start(process)
    sender.close()
    result = None
    with suppress(EOFError):  # it has ended
        while True:
            told, result = receiver.recv()
            if told:
                tell(*told)
    process.join()
    return Ended(process.exitcode or 0, result)


def _do(sender: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    def send(*message: Any) -> None:
        with suppress(BrokenPipeError):  # nobody asks any more
            sender.send(message)

    with heard_by(lambda *told: send(told, None)):
        result = work(*arguments)
    send((), result)
