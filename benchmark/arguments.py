"""Command lines that make calls: what it cannot pass one by one comes in one string."""

from __future__ import annotations

import argparse
import shlex
import sys


def parse(parser: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    """The options, with those that came in one string for make (``--args``) among them."""
    given = sys.argv[1:] if arguments is None else arguments
    text = parser.parse_intermixed_args(given).args
    try:
        return parser.parse_intermixed_args([*given, *shlex.split(text)])
    except ValueError as error:
        parser.error(f"--args {text!r}: {error}")
