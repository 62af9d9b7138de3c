"""A run's end of the pipe to the process that speaks with Weights & Biases.

Neither a disk nor a network reaches the run: a message that the pipe has no room for is dropped and counted.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from benchmark.places import PACKAGE
from benchmark.privacy import without_secrets

PATIENCE = 40.0  # seconds for an answer: more than W&B takes to be imported, to begin and to finish
LEAVING = 5.0  # seconds for the end of a process that nobody waits for any more
LONGEST = 300  # characters of an error
OF_A_RUN = re.compile(r"\brun [0-9a-f]{16}\b")  # all runs give one line, which a launcher says once


class WandBError(Exception):
    """The process of W&B failed, or did not answer."""


class Pipe:
    """A process for W&B, and what is said to it."""

    def __init__(self) -> None:
        paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "benchmark.runs.wandb_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the run
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "WANDB_ERROR_REPORTING": "false"},
        )
        assert self.process.stdin
        assert self.process.stdout
        self.into, self.out = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self.into, False)
        self.rest = b""  # of a message that is half written
        self.heard = b""
        self.dropped = 0

    def offer(self, message: Mapping[str, Any]) -> None:
        """Say it if that needs no waiting; else drop it."""
        self._write()
        if self.rest:
            self.dropped += 1
        else:
            self.rest = _line(message)
            self._write()

    def ask(self, message: Mapping[str, Any], seconds: float = PATIENCE) -> dict[str, Any]:
        """Say it, and wait for the answer. Raises: WandBError for none in time, or a failure."""
        end = time.monotonic() + seconds
        self.rest += _line(message)
        self._write()
        while self.rest:
            self._wait(self.into, select.POLLOUT, end)
            self._write()
        while b"\n" not in self.heard:
            self._wait(self.out, select.POLLIN, end)
            part = os.read(self.out, 1 << 16)
            if not part:
                raise WandBError(f"its process {_end(self.process.wait(LEAVING))}")
            self.heard += part
        line, _, self.heard = self.heard.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise WandBError(without_secrets(OF_A_RUN.sub("a run", answer["failed"]))[:LONGEST])
        return answer

    def close(self, seconds: float = LEAVING) -> None:
        """End the process: by itself in these ``seconds``, or else by force."""
        try:
            os.set_blocking(self.into, False)
            self.process.stdin.close()  # type: ignore[union-attr]
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()  # type: ignore[union-attr]

    def _write(self) -> None:
        """Write what the pipe has room for; what a process that is gone was to hear is forgotten."""
        try:
            while self.rest:
                self.rest = self.rest[os.write(self.into, self.rest) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.rest = b""

    def _wait(self, end_of_pipe: int, event: int, until: float) -> None:
        ready = select.poll()
        ready.register(end_of_pipe, event)
        if not ready.poll(1000 * max(0.0, until - time.monotonic())):
            raise WandBError("its process does not answer")


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _end(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
