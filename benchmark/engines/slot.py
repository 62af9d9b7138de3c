"""A place on a cluster, which runs the worker command as a child process.

The child ends when its standard input closes, so it never outlives the place; it saves snapshots first. The
meaning of signals differs between clusters, so only the engine handles them, and the child is told through
the pipe.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.engines.process import QUITTING
from benchmark.engines.workplace import Workplace
from benchmark.stopping import PATIENCE, SIGNALS

# Ended by a signal, whether or not it was handled
STOPPED = {number for sign in SIGNALS for number in (128 + sign, -sign)}
# Exit statuses: all runs made, some failed, refused; any other status is a crash
AS_ASKED = {0, 1, 2} | STOPPED
CRASHES = 3  # crashes of a worker after which its place is given up
EVERY = 0.2  # seconds between two looks at the child


@dataclass
class Slot:
    """The worker in a place. A call starts it and returns its exit status.

    Its output goes to the file ``log``; None: to the output of this process.
    """

    place: Workplace
    log: Path | None = None
    child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __call__(self) -> int:
        status = self.once()
        for _ in range(CRASHES):
            if status in AS_ASKED:
                break
            status = self.once()
        return status

    def once(self) -> int:
        """Run the command once, to its end or this process's."""
        said = None if self.log is None else self.log.open("ab")
        try:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "benchmark.worker", *self.place.words, "--ends-with-stdin"],
                cwd=self.place.folder,
                env=os.environ | self.place.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )
            # An interrupt of this process is raised between two looks, never inside a wait of the library.
            while self.child.poll() is None:
                time.sleep(EVERY)
            return self.child.returncode
        finally:
            self.stop()
            if said is not None:
                said.close()

    def stop(self) -> None:
        """End the child; its runs save snapshots first."""
        child, self.child = self.child, None
        if child is None or child.stdin is None:
            return
        child.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE + 2 * QUITTING)
        child.kill()
        child.wait()
