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
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def sealed(content: Mapping[str, Any], arrays: str) -> dict[str, Any]:
    """``content`` of a record with its digest, and that of its file of ``arrays``."""
    content = {**content, SEAL: {ARRAYS: arrays}}
    return {**content, SEAL: {ARRAYS: arrays, RECORD: _digest(content)}}


def broken(content: Mapping[str, Any]) -> bool:
    """True for a record's content that is not as it was sealed; False without a seal."""
    seal = dict(content.get(SEAL, {}))
    said = seal.pop(RECORD, None)
    return said is not None and said != _digest({**content, SEAL: seal})


def of_file(file: IO[bytes]) -> str:
    """The SHA-256 of an open file in hexadecimal digits."""
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(CANONICAL.encode(content).encode()).hexdigest()
