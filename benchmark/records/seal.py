"""Digests that show whether a record and its arrays are as they were written.

They prove that nothing was changed by accident. A record whose seal was taken away is like one of old, which has none
and is read without a proof.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import IO, Any

SEAL, RECORD, ARRAYS = "seal", "record", "arrays"
OPEN = f'"{RECORD}": ""'  # where the digest of the text goes, which is taken without it


def sealed(content: Mapping[str, Any], arrays: str) -> str:
    """The text of a record with its own digest and that of its ``arrays``."""
    whole = {**content, SEAL: {ARRAYS: arrays, RECORD: ""}}
    text = json.dumps(whole, indent=1, allow_nan=False)
    before, _, after = text.rpartition(OPEN)
    return f'{before}{OPEN[:-1]}{_digest(text)}"{after}'


def holds(text: str, content: Any) -> bool:
    """True for the text of a record that is as it was sealed."""
    try:
        said = content[SEAL][RECORD]
        before, found, after = text.rpartition(said)
        return bool(found) and _digest(before + after) == said
    except (KeyError, TypeError, ValueError, IndexError):
        return False  # no record, or without a seal


def of_file(file: IO[bytes]) -> str:
    """The SHA-256 of an open file in hexadecimal digits."""
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
