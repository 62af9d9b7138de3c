"""Common parts of all commands: exit status, one-line refusals, options in one string for make."""

from __future__ import annotations

import argparse
import io
import logging
import os
import re
import select
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence

from benchmark import stopping
from benchmark.errors import BenchmarkError, one_line
from benchmark.printable import printable

REFUSED = 2
WIDEST, NARROWEST = 100, 60  # characters of a help
KEPT = ": finished runs are kept; the same command goes on from here"
NUMBER = re.compile(r"(\d+)")
UNREAD = 141  # the exit status that shells use for a command whose reader is gone


class OneLine(logging.Formatter):
    """The form of a message on the terminal: on one line, without control characters."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class ToTerminal(logging.StreamHandler):
    """Writes messages to the stderr there is now: a progress display takes its place for a while."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def show_warnings() -> None:
    """Show warnings of this process on the terminal, each on one line."""
    shown = ToTerminal()
    shown.setFormatter(OneLine("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[shown], level=logging.WARNING)


def show_all_signs() -> None:
    """Let stdout write ``?`` in place of a sign that its encoding lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")


def carried_out(work: Callable[[], int], goes_on: bool = False) -> int:
    """The exit status of ``work``: its own, 2 for a refusal, 130 for Ctrl-C and 143 for SIGTERM.

    ``goes_on`` is for commands that make runs: started again, they make those that are missing. Any other error is
    a fault of the program and is raised on, with its stack trace.
    """
    show_all_signs()
    show_warnings()
    try:
        stopping.hear()
        try:
            if sys.flags.optimize:  # which leaves out `assert`, and Hydra reads overrides in some
                raise BenchmarkError(
                    "python -O (PYTHONOPTIMIZE) is not supported, for Hydra cannot work with it"
                )
            status = work()
            sys.stdout.flush()
            return status
        except Exception as error:
            stopping.unmask(error)
            if isinstance(error, BrokenPipeError) and _nobody_reads():
                return UNREAD
            line = one_line(error)
            if line is None:
                raise
            print(printable(f"error: {line}"), file=sys.stderr)
            return REFUSED
    except stopping.Stopped as stopped:
        signs = "\n" if sys.stderr.isatty() else ""  # a terminal shows ^C at the beginning of the line
        print(f"{signs}{stopped}{KEPT if goes_on else ''}", file=sys.stderr)
        return stopped.status


def _nobody_reads() -> bool:
    """True if the reader of stdout is gone, for example `head`; further output is then dropped."""
    reader = select.poll()
    reader.register(sys.stdout.fileno(), 0)
    gone = any(event & select.POLLERR for _, event in reader.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return gone


class Paragraphs(argparse.HelpFormatter):
    """The form of a help: paragraphs as wide as the terminal, up to `WIDEST`; indented lines stay as they are."""

    def __init__(self, prog: str) -> None:
        columns = shutil.get_terminal_size((WIDEST, 0)).columns
        super().__init__(prog, width=max(NARROWEST, min(WIDEST, columns)))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip("\n").split("\n\n")
        return "\n\n".join(
            paragraph if "\n " in f"\n{paragraph}" else textwrap.fill(paragraph, width)
            for paragraph in paragraphs
        )


def by_folder(names: Sequence[str]) -> str:
    """Lines of ``names`` such as demo/noisytune, grouped by folder; table10 comes after table9."""
    inner: dict[str, list[str]] = {}
    for name in sorted(
        names, key=lambda name: [int(part) if part.isdigit() else part for part in NUMBER.split(name)]
    ):
        folder, _, rest = name.partition("/")
        inner.setdefault(folder, []).append(rest)
    column = max(map(len, inner), default=0) + 3
    lines = []
    for folder, members in inner.items():
        lines += textwrap.wrap(
            ", ".join(members),
            WIDEST - 20,
            initial_indent=f"  {folder + '/':<{column}}",
            subsequent_indent=" " * (column + 2),
        )
    return "\n".join(lines)


def plain_parser(name: str, description: str | None, epilog: str = "") -> argparse.ArgumentParser:
    """The parser of ``python -m NAME``, whose help can be shown on any terminal."""
    show_all_signs()
    return argparse.ArgumentParser(
        prog=f"python -m {name}", description=description, epilog=epilog, formatter_class=Paragraphs
    )


def parser_of(name: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """The parser of ``python -m NAME``, with the ``--args`` that `parse` reads."""
    made = plain_parser(name, description, epilog)
    made.add_argument("--args", default="", metavar="STRING", help="more of these in one string, for make")
    return made


def parse(parser: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    """The parsed options, with the words of ``--args`` (one string, for make) added."""
    given = sys.argv[1:] if arguments is None else arguments
    text = parser.parse_intermixed_args(given).args
    try:
        return parser.parse_intermixed_args([*given, *shlex.split(text)])
    except ValueError as error:
        parser.error(f"--args {text!r}: {error}")
