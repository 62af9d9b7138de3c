"""Notes on runs and grids in progress, for people who watch: how far each is, and where it runs.

    STORE/ongoing/RUN_ID.json       a run that is being made: its parts, phase, updates done and to do
    STORE/ongoing/grid-ID.json      a command that makes a grid: runs done, to do and failed

A note is renewed every few seconds and removed at the end; nothing depends on it. If a note cannot be
written, the run goes on without it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.records import token

ONGOING = "ongoing"
EVERY = 2.0  # seconds between two writings of a note
GRID = "grid-"


@dataclass
class Note:
    """The note called ``name`` in a store's folder, with ``facts`` that stay the same."""

    store: Path
    name: str
    facts: dict[str, Any]
    next: float = 0.0
    written: bool = False
    began: float = field(default_factory=time.time)

    @property
    def path(self) -> Path:
        """The note's file."""
        return self.store / ONGOING / f"{self.name}.json"

    def tell(self, now: bool = False, **facts: Any) -> None:
        """Write the note with further ``facts`` if it is time to, or ``now``."""
        clock = time.monotonic()
        if clock < self.next and not now:
            return
        where = {"host": socket.gethostname(), "pid": os.getpid(), "began": self.began, "at": time.time()}
        partial = self.path.with_suffix(f".{os.getpid()}")
        try:
            if token.is_there(self.store):
                self.path.parent.mkdir(exist_ok=True)
                partial.write_text(json.dumps(self.facts | where | facts, default=str))
                os.replace(partial, self.path)
                self.written = True
        except OSError:  # a full disk, or a read-only store
            self.next = clock + 30 * EVERY
            return
        self.next = max(clock + EVERY, clock + 50 * (time.monotonic() - clock))  # on a slow disk more seldom

    def close(self) -> None:
        """Remove the note."""
        if self.written:
            try:
                self.path.unlink(missing_ok=True)
            except OSError:
                return


def notes(store: Path) -> Iterator[tuple[str, dict[str, Any], float]]:
    """The notes of a store: name, facts, and seconds since the note was renewed; damaged ones are passed over."""
    try:
        names = sorted(os.listdir(store / ONGOING))
    except OSError:
        return
    for name in names:
        path = store / ONGOING / name
        try:
            facts, age = json.loads(path.read_text()), time.time() - path.stat().st_mtime
        except (OSError, ValueError):  # it was just removed, or is being written
            continue
        if path.suffix == ".json" and isinstance(facts, dict):
            yield path.stem, facts, max(0.0, age)
