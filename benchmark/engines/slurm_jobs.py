"""The jobs of a grid in Slurm's queue, read and cancelled by squeue and scancel."""

from __future__ import annotations

import getpass
import logging
import subprocess
import time
from collections import Counter
from collections.abc import Iterable

from benchmark import stopping
from benchmark.engines.process import QUITTING

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds between two questions to Slurm
ANSWER = 60.0  # seconds in which Slurm must answer
ENDING = "COMPLETING"
# Seconds after which a job in the state "completing" counts as ended: its node does not answer
HANGING = 120.0


class Jobs:
    """The jobs of a grid in Slurm's queue, found by their common name; ``states`` are by job id."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.states: dict[str, str] = {}
        self.asked = self.seen = float("-inf")
        self.answered = True
        self.ask()

    def submitted(self, ids: Iterable[str]) -> None:
        """Count jobs that were put into the queue just now."""
        self.states |= dict.fromkeys(ids, "PENDING")
        self.seen = time.monotonic()

    def unfinished(self) -> bool:
        """True if a job has not ended; Slurm is asked again every few seconds."""
        if time.monotonic() - self.asked >= EVERY:
            self.ask()
        return bool(self.states) and time.monotonic() - self.seen < HANGING

    def running(self) -> int:
        """The number of jobs that run."""
        return Counter(self.states.values())["RUNNING"]

    def ask(self) -> None:
        """Ask Slurm for the states; without an answer they stay as they were."""
        done = self.call("squeue", "--noheader", "--array", "--format=%i %T")
        self.asked = time.monotonic()
        if done.returncode and self.answered:
            log.warning("engine=slurm: %s; the jobs may go on", refusal(done.stderr))
        self.answered = not done.returncode
        if self.answered:
            self.states = dict(line.split() for line in done.stdout.splitlines())
        if done.returncode or {*self.states.values()} - {ENDING}:
            self.seen = self.asked

    def cancel(self) -> None:
        """Cancel the jobs, and wait until their runs have saved snapshots."""
        self.call("scancel")
        self.gone(stopping.PATIENCE + 2 * QUITTING)

    def gone(self, seconds: float) -> bool:
        """True if all jobs end within so many ``seconds``."""
        self.ask()
        last = time.monotonic() + seconds
        while self.states and time.monotonic() < last:
            time.sleep(1)
            self.ask()
        return not self.states

    def drop_waiting(self) -> None:
        """Cancel the jobs that have not begun."""
        self.call("scancel", "--state=PENDING")

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Call a command of Slurm on the jobs."""
        return called(*words, "--name", self.name, "--user", getpass.getuser())


def called(*words: str) -> subprocess.CompletedProcess[str]:
    """Call a command of Slurm; if it takes too long, it has failed."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=ANSWER)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"{words[0]} does not answer")


def refusal(said: str) -> str:
    """The errors in the output of a command of Slurm, on one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line] or lines[-1:]
    return "; ".join(dict.fromkeys(line.partition("error: ")[2] or line for line in errors))
