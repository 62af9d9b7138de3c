"""`python -m benchmark.speed.first_update …`: what `python -m benchmark …` does, up to a run's first update.

The process ends there, without a record: its user CPU seconds are those that a user waits for.
"""

from __future__ import annotations

import os
import runpy
import sys
from contextlib import suppress

from benchmark.progress import RunProgress


def end(progress: RunProgress, unit: str, done: int, total: int) -> None:
    """Hear a run's progress, and end the process after its first update."""
    if unit == "updates" and done:
        os._exit(0)


if __name__ == "__main__":
    RunProgress.__call__ = end  # type: ignore[assignment, method-assign]
    with suppress(SystemExit):
        runpy.run_module("benchmark", run_name="__main__", alter_sys=True)
    sys.exit("the run made no update")
