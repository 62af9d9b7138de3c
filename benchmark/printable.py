"""Text that a terminal, a table or a figure shows as it is: nothing in it can act."""

from __future__ import annotations

import unicodedata

ACTIVE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, formatting (writing direction), surrogates, line breaks
JOINERS = "\u200c\u200d"  # parts of words in Persian and Indic scripts, and of emoji


def printable(text: str) -> str:
    """``text`` on one line, with control characters spelt out, e.g. ``\\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(letter) for letter in text)


def _shown(letter: str) -> str:
    if letter not in JOINERS and unicodedata.category(letter) in ACTIVE:
        return ascii(letter)[1:-1]
    return letter
