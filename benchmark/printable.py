"""Text that a terminal, a table or a figure can show safely: no character in it acts as a command."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

ACTIVE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, formatting (writing direction), surrogates, line breaks
UNSEEN = ("Cc", "Cf", "Cs", "Cn")  # beside white space, and BLANK
# Decompositions that show no difference.
SAME_SHAPE = ("<wide>", "<narrow>", "<noBreak>", "<compat>", "<font>")
# Cyrillic and Greek letters, and the Latin ones of their shapes.
LATIN = str.maketrans("аеорсухіјѕАВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "aeopcyxijsABEKMHOPCTYXIJSABEZHIKMNOPTYXo")
# Joiners and selectors of forms, and the letters and patterns that are blank.
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {*map(chr, range(0xFE00, 0xFE10))}
JOINERS = "\u200c\u200d"  # parts of words in Persian and Indic scripts, and of emoji


def printable(text: str) -> str:
    """``text`` on one line, with control characters spelt out, e.g. ``\\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(letter) for letter in text)


def counted(number: int, thing: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def in_columns(names: Sequence[str], width: int, indent: int = 4) -> list[str]:
    """Lines of ``names`` in columns of one width, read downwards, of ``width`` characters at most."""
    if not names:
        return []
    column = max(map(len, names)) + 2
    columns = max(1, (width - indent + 2) // column)
    rows = -(-len(names) // columns)
    return [
        (" " * indent + "".join(f"{name:<{column}}" for name in names[row::rows])).rstrip()
        for row in range(rows)
    ]


def looks_like(first: str, second: str) -> bool:
    """True for different texts that a reader cannot tell apart.

    They differ in Unicode form, width, white space, signs without ink, or letters of scripts that share shapes.
    """
    return first != second and _ink(first) == _ink(second)


def _ink(text: str) -> str:
    """A text that is the same for all texts that look like ``text``."""
    seen = (
        unicodedata.normalize("NFKC", sign)
        if unicodedata.decomposition(sign).startswith(SAME_SHAPE)
        else sign
        for sign in unicodedata.normalize("NFC", text)
        if sign.isspace() or (unicodedata.category(sign) not in UNSEEN and sign not in BLANK)
    )
    return unicodedata.normalize("NFC", " ".join("".join(seen).split())).translate(LATIN)


def _shown(letter: str) -> str:
    if letter not in JOINERS and unicodedata.category(letter) in ACTIVE:
        return ascii(letter)[1:-1]
    return letter
