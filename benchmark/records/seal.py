"""Digests that show that a record and its arrays are still as they were written.

They prove that nothing was changed by accident. A record whose seal was removed looks like an old record
without a seal, and is read without proof.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import IO, Any

SEAL, RECORD, ARRAYS = "seal", "record", "arrays"
OPEN = f'"{RECORD}": ""'  # the place of the digest; the digest is taken of the text with this empty place


def sealed(content: Mapping[str, Any], arrays: str) -> str:
    """The text of a record with its own digest and that of its ``arrays``."""
    whole = {**content, SEAL: {ARRAYS: arrays, RECORD: ""}}
    text = json.dumps(whole, indent=1, allow_nan=False)
    before, _, after = text.rpartition(OPEN)
    return f'{before}{OPEN[:-1]}{_digest(text)}"{after}'


def holds(text: str, content: Any) -> bool:
    """True for the text of a record that has not changed since it was sealed."""
    try:
        said = content[SEAL][RECORD]
        before, digest, after = text.rpartition(said)
        return bool(digest) and _digest(before + after) == said
    except (KeyError, TypeError, ValueError, IndexError):
        return False  # no record, or without a seal


def of_file(file: IO[bytes]) -> str:
    """The SHA-256 of an open file in hexadecimal digits."""
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
