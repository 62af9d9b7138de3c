"""A tracker that counts the runs that were trained to their end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmark.runs.tracking import Tracker


@dataclass
class Count(Tracker):
    """Adds a line with the run's id to ``file`` for each new record."""

    file: str = ""

    def track(self, record: Any, arrays: Any, purpose: str | None, new: bool) -> None:
        if new:
            with open(self.file, "a") as file:
                file.write(f"{record.run_id}\n")
