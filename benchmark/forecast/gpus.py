"""GPUs of this machine by name, without torch."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from benchmark.runs.resources import VISIBLE

DRIVER = Path("/proc/driver/nvidia/gpus")


def name_of(device: str) -> str | None:
    """The name of the GPU that a run with ``device`` would use; None if it would use none."""
    if device == "cpu" or os.environ.get(VISIBLE) == "":
        return None
    names = _names()
    number = device.partition(":")[2]
    return names[min(int(number or 0), len(names) - 1)] if names else None


@cache
def _names() -> list[str]:
    texts = [path.read_text() for path in sorted(DRIVER.glob("*/information"))]
    names = [re.search(r"^Model:\s*(.+)$", text, re.MULTILINE) for text in texts]
    return [name[1].strip() for name in names if name]
